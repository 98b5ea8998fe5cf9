import type { ArchiveSpec, DifferentialCase } from '../case.ts';
import { historyDiffers, REASON } from './reasons.ts';

const BASE = 'FROM diff/base:1\n';

const ARCHIVE: ArchiveSpec = {
  files: {
    'top/file': { content: 'packed', mode: 0o640, mtime: 1_111_111_111 },
    'top/setuid': { content: 's', mode: 0o4711 },
    'top/link': { symlink: 'file' },
    'top/hard': { hardLink: 'top/file' },
    'top/dir': { directory: true, mode: 0o2770, mtime: 1_222_222_222 },
    'top/dir/deep': 'deep',
    single: 'single',
  },
  owners: { 'top/file': [1000, 1001], 'top/dir': [33, 10] },
};
const packed = (compression: ArchiveSpec['compression'] = 'none'): ArchiveSpec => ({
  ...ARCHIVE,
  compression,
});

/** ADD of local files and archives. */
export const ADD_CASES: readonly DifferentialCase[] = [
  {
    name: 'files and directories, as COPY',
    dockerfile: `${BASE}ADD a d /x/\n`,
    context: { a: 'a', 'd/b': 'b' },
  },
  { name: 'a tar archive', dockerfile: `${BASE}ADD p.tar /x/\n`, archives: { 'p.tar': packed() } },
  {
    name: 'a tar archive without a final slash',
    dockerfile: `${BASE}ADD p.tar /x/y\n`,
    archives: { 'p.tar': packed() },
  },
  { name: 'gzip', dockerfile: `${BASE}ADD p.tgz /x/\n`, archives: { 'p.tgz': packed('gzip') } },
  {
    name: 'bzip2',
    dockerfile: `${BASE}ADD p.tar.bz2 /x/\n`,
    archives: { 'p.tar.bz2': packed('bzip2') },
  },
  { name: 'xz', dockerfile: `${BASE}ADD p.tar.xz /x/\n`, archives: { 'p.tar.xz': packed('xz') } },
  {
    name: 'an archive with another name',
    dockerfile: `${BASE}ADD document.txt /x/\n`,
    archives: { 'document.txt': packed('gzip') },
  },
  {
    name: 'COPY of an archive',
    dockerfile: `${BASE}COPY p.tgz /x/\n`,
    archives: { 'p.tgz': { files: { a: 'a' }, compression: 'none' } },
  },
  {
    name: 'a compressed file that is no archive',
    dockerfile: `${BASE}ADD a.gz /x/\n`,
    context: { 'a.gz': { content: Buffer.from('H4sIAAAAAAAAA0vKyc9NVQAA+3zJ3gUAAAA=', 'base64') } },
    expect: 'same',
  },
  { name: 'an empty file', dockerfile: `${BASE}ADD e /x/\n`, context: { e: '' } },
  {
    name: 'archive and file together',
    dockerfile: `${BASE}ADD p.tar a /x/\n`,
    context: { a: 'a' },
    archives: { 'p.tar': packed() },
  },
  {
    name: 'archives by wildcard',
    dockerfile: `${BASE}ADD *.tar /x/\n`,
    archives: { '1.tar': { files: { one: '1' } }, '2.tar': { files: { two: '2', one: 'later' } } },
  },
  {
    name: 'an archive onto what is there',
    dockerfile: `${BASE}RUN mkdir -p -m 711 /x/top/dir && echo old > /x/top/file && ln -s /tmp /x/single\nADD p.tar /x/\n`,
    archives: { 'p.tar': packed() },
  },
  {
    name: 'an archive with --chown',
    dockerfile: `${BASE}ADD --chown=app:staff p.tar /x/\n`,
    archives: { 'p.tar': packed() },
    expect: {
      differs: [
        'history[2].created_by',
        ...[
          'single',
          'top',
          'top/dir',
          'top/dir/deep',
          'top/file',
          'top/hard',
          'top/link',
          'top/setuid',
        ].map((name) => `file /x/${name}: owner`),
      ],
      reason: `${REASON.copyFlags}; today --chown is for unpacked files too (reference 1.8)`,
    },
  },
  {
    name: 'an archive with --chmod',
    dockerfile: `${BASE}ADD --chmod=600 p.tar /x/\n`,
    archives: { 'p.tar': { files: { a: { content: 'a', mode: 0o755 } } } },
    expect: historyDiffers(REASON.copyFlags, 2),
  },
  {
    name: 'an archive with whiteouts',
    dockerfile: `${BASE}RUN mkdir /x && touch /x/gone\nADD p.tar /x/\n`,
    archives: { 'p.tar': { files: { '.wh.gone': '', new: 'n' } } },
  },
  {
    name: 'an archive through a link',
    dockerfile: `${BASE}RUN mkdir /real && ln -s real /x\nADD p.tar /x/\n`,
    archives: { 'p.tar': packed() },
  },
  {
    name: 'an archive onto a file',
    dockerfile: `${BASE}RUN touch /x\nADD p.tar /x\n`,
    archives: { 'p.tar': packed() },
    expect: { refused: 'PATH_NOT_A_DIRECTORY', docker: /not a directory/, line: 3 },
  },
  {
    name: 'an archive with attributes',
    dockerfile: `${BASE}ADD p.tar /x/\n`,
    archives: { 'p.tar': { files: { a: 'a' }, xattrs: { a: { 'user.note': 'packed' } } } },
  },
  {
    name: 'a link to an archive',
    dockerfile: `${BASE}ADD l /x/\n`,
    context: { l: { symlink: 'p.tar' } },
    archives: { 'p.tar': packed() },
  },
  {
    name: '--chown of plain files',
    dockerfile: `${BASE}ADD --chown=1:2 a /x/y/\n`,
    context: { a: 'a' },
    expect: historyDiffers(REASON.copyFlags, 2),
  },
];
