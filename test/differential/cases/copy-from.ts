import type { DifferentialCase } from '../case.ts';
import { historyDiffers, REASON } from './reasons.ts';

const RICH = 'FROM diff/rich:1 AS rich\n';

/** COPY --from: stages, images, and what is kept of their files. */
export const COPY_FROM_CASES: readonly DifferentialCase[] = [
  {
    name: 'by stage name, index and image',
    dockerfile: `${RICH}USER root\nRUN echo new > /n\nFROM diff/base:1\nCOPY --from=rich /n /a/\nCOPY --from=0 /opt/one /b/\nCOPY --from=diff/rich:1 /opt/replaced /c/\n`,
  },
  {
    name: 'owners, modes, links, attributes of a tree',
    dockerfile: `${RICH}FROM diff/base:1\nCOPY --from=rich /opt /copied/\n`,
    expect: {
      differs: [
        'file /copied/pipe',
        'file /copied/pipe: type',
        'file /copied/pipe: mode',
        'file /copied/pipe: owner',
        'file /copied/pipe: mtime',
      ],
      reason: REASON.fifo,
    },
  },
  {
    name: 'the whole root of an image',
    dockerfile: `${RICH}FROM scratch\nCOPY --from=rich / /\n`,
    expect: {
      differs: [
        'file /opt/pipe',
        'file /opt/pipe: type',
        'file /opt/pipe: mode',
        'file /opt/pipe: owner',
        'file /opt/pipe: mtime',
      ],
      reason: REASON.fifo,
    },
  },
  {
    name: 'onto what is there',
    dockerfile: `${RICH}FROM diff/base:1\nCOPY --from=rich / /\n`,
    expect: {
      differs: [
        'file /opt/pipe',
        'file /opt/pipe: type',
        'file /opt/pipe: mode',
        'file /opt/pipe: owner',
        'file /opt/pipe: mtime',
      ],
      reason: REASON.fifo,
    },
  },
  {
    name: 'single files',
    dockerfile: `${RICH}FROM scratch\nCOPY --from=rich /opt/setuid /opt/setgid /opt/owned /x/\nCOPY --from=rich /opt/dir/file /y\n`,
  },
  {
    name: 'links as sources',
    dockerfile: `${RICH}FROM scratch\nCOPY --from=rich /opt/link /a\nCOPY --from=rich /opt/absolute /b\nCOPY --from=rich /opt/link/file /c\nCOPY --from=rich /opt/absolute/sub/ /d/\n`,
  },
  {
    name: 'a dangling link as source',
    dockerfile: `${RICH}FROM scratch\n\nCOPY --from=rich /opt/dangling /a\n`,
    expect: { refused: 'COPY_SOURCE_NOT_FOUND', docker: /not found/, line: 4 },
  },
  {
    name: 'wildcards',
    dockerfile: `${RICH}FROM scratch\nCOPY --from=rich /opt/set* /opt/dir/s*/d* /x/\n`,
  },
  {
    name: 'relative sources start at the root',
    dockerfile: `${RICH}FROM scratch\nCOPY --from=rich opt/one ./opt/two ../opt/owned /x/\n`,
  },
  {
    name: "--chown of a stage's files",
    dockerfile: `${RICH}FROM diff/base:1\nCOPY --from=rich --chown=web:staff /opt/dir /opt/setuid /x/\n`,
    expect: historyDiffers(REASON.copyFlags, 2),
  },
  {
    name: "--chmod of a stage's files",
    dockerfile: `${RICH}FROM diff/base:1\nCOPY --from=rich --chmod=711 /opt/dir /opt/setuid /x/\n`,
    expect: {
      differs: ['history[2].created_by', 'file /x: mode', 'file /x/setuid: mode'],
      reason: `${REASON.copyFlags}; ${REASON.copyMode}`,
    },
  },
  {
    name: 'hard links to one file in different layers',
    dockerfile: `${RICH}FROM diff/base:1 AS b\nRUN echo x > /x && ln /x /y\nRUN rm /y\nFROM scratch\nCOPY --from=b /x /\nCOPY --from=rich /opt/one /opt/two /l/\n`,
  },
  {
    name: 'removed files are not there',
    dockerfile: `FROM diff/base:1 AS b\nRUN mkdir /d && touch /d/1 /d/2 && mkdir /e && touch /e/x\nRUN rm /d/1 && rm -r /e && mkdir /e && touch /e/y\nFROM scratch\nCOPY --from=b /d /d/\nCOPY --from=b /e /e/\n`,
  },
  {
    name: 'directory times of a stage',
    dockerfile: `FROM diff/base:1 AS b\nRUN mkdir -p /d/e && touch /d/e/f && touch -d '2005-05-05 05:05:05' /d/e/f /d/e /d\nFROM diff/base:1\nCOPY --from=b /d /d/\nCOPY --from=b /d/e/f /g/\n`,
    expect: {
      differs: ['file /d: mtime'],
      reason: 'Today a directory that COPY finds gets the time of its source (fsutil copy.go)',
    },
  },
  {
    name: 'special files of a stage',
    dockerfile: `FROM diff/base:1 AS b\nRUN mkdir /d && mkfifo -m 640 /d/pipe && mknod -m 600 /d/null c 1 3 && touch -d '2005-05-05 05:05:05' /d/pipe /d/null\nFROM scratch\nCOPY --from=b /d /d/\n`,
    expect: {
      differs: [
        'file /d/pipe',
        'file /d/pipe: type',
        'file /d/pipe: mode',
        'file /d/pipe: owner',
        'file /d/pipe: mtime',
        'file /d/null: type',
        'file /d/null: size',
        'file /d/null: content',
        'file /d/null: device',
      ],
      reason: REASON.fifo,
    },
  },
  {
    name: 'a missing file of a stage',
    dockerfile: `${RICH}FROM scratch\n\nCOPY --from=rich /nothing /x\n`,
    expect: { refused: 'COPY_SOURCE_NOT_FOUND', docker: /not found/, line: 4 },
  },
  {
    name: 'from itself',
    dockerfile: `FROM diff/base:1 AS me\nCOPY --from=me /bin/sh /x\n`,
    expect: {
      refused: 'STAGE_CYCLE',
      docker: /circular dependency|cannot copy|from itself|not found/,
      line: 2,
    },
  },
  {
    name: 'from a later stage',
    dockerfile: `FROM diff/base:1 AS one\nCOPY --from=two /x /x\nFROM diff/base:1 AS two\n`,
    target: 'one',
    expect: { refused: 'STAGE_NOT_BUILT_YET', docker: /./, line: 2 },
  },
  {
    name: 'from an index that is not there',
    dockerfile: `FROM diff/base:1 AS one\nCOPY --from=7 /x /x\n`,
    expect: { refused: 'STAGE_INDEX_INVALID', docker: /index/, line: 2 },
  },
  {
    name: 'a stage with the name of an index',
    dockerfile: `FROM diff/base:1\nRUN echo 0 > /x\nFROM diff/base:1\nRUN echo 1 > /x\nFROM scratch\nCOPY --from=1 /x /one\nCOPY --from=0 /x /zero\n`,
  },
  {
    name: 'the same file in two instructions',
    dockerfile: `${RICH}FROM diff/base:1\nCOPY --from=rich /opt/one /x\nRUN echo more >> /x\nCOPY --from=rich /opt/one /y\n`,
  },
];
