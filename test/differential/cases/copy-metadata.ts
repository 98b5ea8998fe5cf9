import type { ContextFile, DifferentialCase } from '../case.ts';
import { historyDiffers, REASON } from './reasons.ts';

const BASE = 'FROM diff/base:1\n';

/** Modes, times, links and kinds of files. */
const KINDS: Readonly<Record<string, ContextFile>> = {
  plain: { content: 'plain', mode: 0o644, mtime: 1_234_567_890 },
  private: { content: 'private', mode: 0o400 },
  setuid: { content: 'setuid', mode: 0o4755 },
  setgid: { content: 'setgid', mode: 0o2711 },
  empty: '',
  'tree/sticky': { directory: true, mode: 0o1777 },
  'tree/sgid': { directory: true, mode: 0o2775 },
  'tree/sgid/file': 'x',
  'tree/link': { symlink: 'file' },
  'tree/file': 'target',
  'tree/up': { symlink: '../plain' },
  'tree/absolute': { symlink: '/etc/passwd' },
  'tree/dangling': { symlink: 'nowhere' },
  'tree/dirlink': { symlink: 'sgid' },
  'tree/one': 'linked',
  'tree/two': { hardLink: 'tree/one' },
  'tree/sgid/three': { hardLink: 'tree/one' },
  tolink: { symlink: 'plain' },
  todir: { symlink: 'tree' },
  toabs: { symlink: '/tree/file' },
  climbing: { symlink: '../../../tree/file' },
  chain: { symlink: 'tolink' },
};

/** COPY from the context: what is kept, and what flags set. */
export const COPY_METADATA_CASES: readonly DifferentialCase[] = [
  {
    name: 'modes and times',
    dockerfile: `${BASE}COPY plain private setuid setgid empty /x/\n`,
    context: KINDS,
  },
  { name: 'links inside a tree are kept', dockerfile: `${BASE}COPY tree /x/\n`, context: KINDS },
  {
    name: 'links named as sources are followed',
    dockerfile: `${BASE}COPY tolink toabs chain /x/\nCOPY todir /y/\nCOPY todir/file /z\nCOPY climbing /w\n`,
    context: KINDS,
  },
  {
    name: 'links found by wildcards are followed',
    dockerfile: `${BASE}COPY to* /x/\n`,
    context: KINDS,
  },
  {
    name: 'owners of the context do not matter',
    dockerfile: `${BASE}COPY a d /x/\n`,
    context: { a: { content: 'a', mode: 0o4755 }, 'd/b': 'b' },
    owners: { a: [1234, 4321], d: [7, 8], 'd/b': [9, 10] },
  },
  {
    name: 'attributes of the context',
    dockerfile: `${BASE}COPY a /x/\nCOPY d /y/\n`,
    context: { a: 'a', 'd/b': 'b' },
    xattrs: { a: { 'user.note': 'hello' }, 'd/b': { 'user.other': 'x' } },
    expect: 'same',
  },
  {
    name: '--chown by numbers',
    dockerfile: `${BASE}COPY --chown=12:34 plain tree /x/y/\nCOPY --chown=55 plain /z\n`,
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 2, 3),
  },
  {
    name: '--chown by names',
    dockerfile: `${BASE}COPY --chown=app plain /a\nCOPY --chown=app:staff plain /b\nCOPY --chown=web plain /c\nCOPY --chown=0:wheel plain /d\nCOPY --chown=app:77 plain /e\n`,
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 2, 3, 4, 5, 6),
  },
  {
    name: '--chown with a name that is not there',
    dockerfile: `${BASE}COPY --chown=ghost:ghosts plain /a\nCOPY --chown=ghost plain /b\nCOPY --chown=app:ghosts plain /c\n`,
    context: KINDS,
    expect: { weRefuse: 'UNKNOWN_OWNER', line: 2, reason: REASON.unknownOwner },
  },
  {
    name: '--chown by name without passwd',
    dockerfile: 'FROM scratch\nCOPY --chown=app plain /a\n',
    context: KINDS,
    expect: { refused: 'UNKNOWN_OWNER', docker: /invalid user index/, line: 2 },
  },
  {
    name: '--chown with a number that passwd knows',
    dockerfile: `${BASE}COPY --chown=1000 plain /a\n`,
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 2),
  },
  {
    name: '--chown by an empty half',
    dockerfile: `FROM diff/base:1 AS other\nRUN echo a > /a && chown 7:8 /a\n${BASE}COPY --chown=app: plain /a\nCOPY --chown=:staff plain /b\nCOPY --chown=: --from=other /a /c\n`,
    context: KINDS,
    expect: {
      differs: [
        'history[2].created_by',
        'history[3].created_by',
        'history[4].created_by',
        'file /a: owner',
      ],
      reason: `${REASON.copyFlags}; today an omitted group is that of the user (BuildKit client/llb/fileop.go, WithUser)`,
    },
  },
  {
    name: '--chown of setuid files',
    dockerfile: `${BASE}COPY --chown=app setuid setgid /a/\n`,
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 2),
  },
  {
    name: '--chown makes parents for that user',
    dockerfile: `${BASE}RUN mkdir /old\nCOPY --chown=app plain /old/new/er/f\n`,
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 3),
  },
  {
    name: '--chown onto existing directories',
    dockerfile: `${BASE}RUN mkdir -m 700 -p /x/sgid\nCOPY --chown=app tree /x\n`,
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 3),
  },
  {
    name: '--chown with variables',
    dockerfile: `${BASE}ARG u=app\nENV g=staff\nCOPY --chown=\${u}:$g plain /a\n`,
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 4),
  },
  {
    name: '--chown with users made by a step',
    dockerfile: `${BASE}RUN echo 'new:x:4242:4343::/:/bin/sh' >> /etc/passwd\nCOPY --chown=new plain /a\n`,
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 3),
  },
  {
    name: '--chown=root needs no passwd',
    dockerfile: 'FROM scratch\nCOPY --chown=root plain /a\nCOPY --chown=root:root plain /b\n',
    context: KINDS,
    expect: historyDiffers(REASON.copyFlags, 0, 1),
  },
  {
    name: 'COPY does not ask USER',
    dockerfile: `${BASE}USER app\nCOPY plain /home/app/x/\n`,
    context: KINDS,
  },
  {
    name: '--chmod of files',
    dockerfile: `${BASE}COPY --chmod=755 plain /a\nCOPY --chmod=0400 plain setuid /b/\nCOPY --chmod=4711 plain /c\n`,
    context: KINDS,
    expect: {
      differs: [
        'history[2].created_by',
        'history[3].created_by',
        'history[4].created_by',
        'file /b: mode',
        'file /b/setuid: mode',
        'file /c: mode',
      ],
      reason: `${REASON.copyFlags}; ${REASON.copyMode}`,
    },
  },
  {
    name: '--chmod of a tree',
    dockerfile: `${BASE}COPY --chmod=750 tree /x/\n`,
    context: KINDS,
    expect: {
      differs: [
        'history[2].created_by',
        'file /x: mode',
        'file /x/sgid: mode',
        'file /x/sticky: mode',
      ],
      reason: `${REASON.copyFlags}; ${REASON.copyMode}`,
    },
  },
  {
    name: '--chmod with new parents',
    dockerfile: `${BASE}COPY --chmod=700 plain /x/y/z\n`,
    context: KINDS,
    expect: {
      differs: ['history[2].created_by', 'file /x: mode', 'file /x/y: mode'],
      reason: `${REASON.copyFlags}; ${REASON.copyMode}`,
    },
  },
  {
    name: '--chmod and --chown',
    dockerfile: `${BASE}COPY --chown=app --chmod=640 plain /x/y/\n`,
    context: KINDS,
    expect: {
      differs: ['history[2].created_by', 'file /x: mode', 'file /x/y: mode'],
      reason: `${REASON.copyFlags}; ${REASON.copyMode}`,
    },
  },
  {
    name: '--chmod with bad modes',
    dockerfile: `${BASE}\nCOPY --chmod=abc plain /x\n`,
    context: KINDS,
    expect: {
      weRefuse: 'CHMOD_INVALID',
      line: 3,
      reason: 'Docker takes any text for a mode; today it is an error (reference, appendix A)',
    },
  },
  {
    name: 'hard links among several sources',
    dockerfile: `${BASE}COPY tree/one tree/two /x/\n`,
    context: KINDS,
  },
  {
    name: 'a large file',
    dockerfile: `${BASE}COPY big /x\n`,
    context: { big: { content: Buffer.alloc(3_000_001, 'large '), mode: 0o604 } },
  },
  {
    name: 'a fifo',
    dockerfile: `${BASE}COPY d /x/\n`,
    context: { 'd/pipe': { fifo: true, mode: 0o622 }, 'd/a': 'a' },
    expect: {
      differs: [
        'file /x/pipe',
        'file /x/pipe: type',
        'file /x/pipe: mode',
        'file /x/pipe: owner',
        'file /x/pipe: mtime',
      ],
      reason: REASON.fifo,
    },
  },
  {
    name: 'names with odd bytes',
    dockerfile: `${BASE}COPY d /x/\n`,
    context: {
      'd/a\nb': 'newline',
      'd/-rf': 'dash',
      'd/a\\b': 'backslash',
      'd/.wh': 'w',
      'd/ ': 'space',
      'd/*': 'star',
    },
  },
];
