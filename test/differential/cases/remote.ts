import { REASON } from './reasons.ts';
import { SERVER, type DifferentialCase } from '../case.ts';

const BASE = 'FROM diff/base:1\n';
const CONTEXT = { a: 'a', 'd/b': { content: 'b', mode: 0o755 }, link: { symlink: 'a' } } as const;
const COPIES = `${BASE}COPY . /x/\nCOPY d/b /y\n`;

/** ADD of URLs and repositories, and contexts that are no directory. */
export const REMOTE_CASES: readonly DifferentialCase[] = [
  { name: 'a URL into a directory', dockerfile: `${BASE}ADD ${SERVER}/file.txt /x/\n` },
  { name: 'a URL as a file', dockerfile: `${BASE}ADD ${SERVER}/file.txt /x/y\n` },
  { name: 'a URL without a time', dockerfile: `${BASE}ADD ${SERVER}/dir/other.txt /\n` },
  {
    name: 'a URL with --chown and --chmod',
    dockerfile: `${BASE}ADD --chown=1000:1001 --chmod=0750 ${SERVER}/file.txt /x/\n`,
    expect: {
      differs: ['history[2].created_by', 'file /x: mode', 'file /x/file.txt: mode'],
      reason: `${REASON.copyFlags}; Docker drops --chmod of a URL`,
    },
  },
  {
    name: 'a URL and a file of the context',
    dockerfile: `${BASE}ADD ${SERVER}/file.txt a /x/\n`,
    context: CONTEXT,
  },
  { name: 'a URL with a query', dockerfile: `${BASE}ADD ${SERVER}/file.txt?x=1 /x/\n` },
  {
    name: 'a URL that is not there',
    dockerfile: `${BASE}ADD ${SERVER}/none /x/\n`,
    expect: { refused: 'URL_FETCH_FAILED', docker: /404/, line: 2 },
  },
  {
    name: 'a repository',
    dockerfile: `${BASE}ADD ${SERVER}/fixed.git#main /x/\n`,
    expect: {
      dockerRefuses: /.*/,
      reason: 'Repositories in ADD came with version 1.1 of the labs channel, later with 1.6',
      files: { '/x/a.txt': 'a', '/x/sub/run.sh': '#!/bin/sh\n' },
    },
  },
  { name: '-f -', dockerfile: COPIES, context: CONTEXT, contextAs: 'stdin-dockerfile' },
  {
    name: 'an archive on standard input',
    dockerfile: COPIES,
    context: CONTEXT,
    owners: { a: [1000, 1001] },
    contextAs: 'stdin-archive',
  },
  {
    name: 'an archive with an ignore file in it',
    dockerfile: COPIES,
    context: { ...CONTEXT, '.dockerignore': 'a\n' },
    contextAs: 'stdin-archive',
  },
  {
    name: 'an archive behind a URL',
    dockerfile: COPIES,
    context: CONTEXT,
    contextAs: 'url-archive',
  },
  {
    name: 'a repository as context',
    dockerfile: COPIES,
    context: CONTEXT,
    contextAs: 'repository',
  },
];
