import type { ContextFile, DifferentialCase } from '../case.ts';

const BASE = 'FROM diff/base:1\n';

/** A context with what copying cares about. */
const TREE: Readonly<Record<string, ContextFile>> = {
  a: 'file a',
  'b.txt': { content: 'file b', mode: 0o600, mtime: 1_100_000_000 },
  'run.sh': { content: '#!/bin/sh\n', mode: 0o755 },
  'dir/one': 'one',
  'dir/two': { content: 'two', mode: 0o640 },
  'dir/sub/three': 'three',
  'dir/sub': { directory: true, mode: 0o700, mtime: 1_200_000_000 },
  'dir/empty': { directory: true, mode: 0o750 },
  'other/one': 'another one',
  'with space': 'space',
  '[x].txt': 'brackets',
  ünï: 'unicode',
};

/** COPY from the context: where things go. */
export const COPY_DESTINATION_CASES: readonly DifferentialCase[] = [
  { name: 'a file to a name', dockerfile: `${BASE}COPY a /x\n`, context: TREE },
  { name: 'a file to a directory with slash', dockerfile: `${BASE}COPY a /x/\n`, context: TREE },
  {
    name: 'a file to an existing directory without slash',
    dockerfile: `${BASE}COPY a /tmp\n`,
    context: TREE,
  },
  {
    name: 'a file into missing directories',
    dockerfile: `${BASE}COPY b.txt /x/y/z/w\n`,
    context: TREE,
  },
  {
    name: 'a file over a file',
    dockerfile: `${BASE}COPY a /etc/passwd\nCOPY b.txt /etc/passwd\n`,
    context: TREE,
  },
  { name: 'several files', dockerfile: `${BASE}COPY a b.txt run.sh /x/\n`, context: TREE },
  {
    name: 'several files to a destination without slash',
    dockerfile: `${BASE}COPY a b.txt /tmp\n`,
    context: TREE,
  },
  {
    name: 'several files to a missing destination without slash',
    dockerfile: `${BASE}COPY a b.txt /x\n`,
    context: TREE,
  },
  { name: 'a directory to a missing one', dockerfile: `${BASE}COPY dir /x\n`, context: TREE },
  {
    name: 'a directory to a missing one with slash',
    dockerfile: `${BASE}COPY dir/ /x/y/\n`,
    context: TREE,
  },
  {
    name: 'a directory onto an existing one',
    dockerfile: `${BASE}RUN mkdir -p -m 700 /x/sub && touch /x/old /x/one\nCOPY dir /x\n`,
    context: TREE,
  },
  { name: 'two directories into one', dockerfile: `${BASE}COPY dir other /x/\n`, context: TREE },
  { name: 'the whole context', dockerfile: `${BASE}COPY . /src\n`, context: TREE },
  { name: 'the whole context to the root', dockerfile: `${BASE}COPY . /\n`, context: TREE },
  {
    name: 'relative destinations',
    dockerfile: `${BASE}WORKDIR /w/x\nCOPY a .\nCOPY a b\nCOPY a ./c/\nCOPY a ../d\nCOPY a ../../../../e\n`,
    context: TREE,
  },
  { name: 'a dot without WORKDIR', dockerfile: `${BASE}COPY a .\nCOPY b.txt ./\n`, context: TREE },
  {
    name: 'sources cannot leave the context',
    dockerfile: `${BASE}COPY ../../a /x\nCOPY /a /y\nCOPY ./dir/../a /z\n`,
    context: TREE,
  },
  {
    name: 'JSON form and names with spaces',
    dockerfile: `${BASE}COPY ["with space", "a", "/x y/"]\nCOPY with\\ space /z\n`,
    context: TREE,
    expect: { refused: 'COPY_SOURCE_NOT_FOUND', docker: /not found/, line: 3 },
  },
  { name: 'JSON form', dockerfile: `${BASE}COPY ["with space", "a", "/x y/"]\n`, context: TREE },
  { name: 'names that are not ASCII', dockerfile: `${BASE}COPY ünï /ö/ünï\n`, context: TREE },
  {
    name: 'variables in sources and destination',
    dockerfile: `${BASE}ENV s=dir d=/dest/\nARG f=one\nCOPY $s/\${f} \${d}\n`,
    context: TREE,
  },
  {
    name: 'wildcards',
    dockerfile: `${BASE}COPY *.txt /x/\nCOPY d?r/o* /y/\nCOPY [a-b] /z/\n`,
    context: TREE,
  },
  { name: 'a wildcard that finds directories', dockerfile: `${BASE}COPY *r /x/\n`, context: TREE },
  {
    name: 'a wildcard in the middle',
    dockerfile: `${BASE}COPY */one /x/\nCOPY dir/*/three /y/\n`,
    context: TREE,
  },
  { name: 'a wildcard with one hit to a name', dockerfile: `${BASE}COPY *.sh /x\n`, context: TREE },
  {
    name: 'a star finds dot files',
    dockerfile: `${BASE}COPY * /x/\n`,
    context: { '.hidden': 'h', a: 'a' },
  },
  {
    name: 'an escaped wildcard',
    dockerfile: `${BASE}COPY \\[x\\].txt /x/\nCOPY [[]x].txt /y/\n`,
    context: TREE,
  },
  {
    name: 'a wildcard that finds nothing beside a file',
    dockerfile: `${BASE}COPY a nothing* /x/\n`,
    context: TREE,
  },
  {
    name: 'a wildcard alone that finds nothing',
    dockerfile: `${BASE}COPY nothing* /x/\n`,
    context: TREE,
  },
  {
    name: 'a missing file',
    dockerfile: `${BASE}\nCOPY a missing /x/\n`,
    context: TREE,
    expect: { refused: 'COPY_SOURCE_NOT_FOUND', docker: /not found/, line: 3 },
  },
  {
    name: 'a file onto a directory of the same name',
    dockerfile: `${BASE}RUN mkdir -p /x/a\nCOPY a /x/\n`,
    context: TREE,
    expect: { refused: 'COPY_FILE_ONTO_DIRECTORY', docker: /cannot replace to directory/, line: 3 },
  },
  {
    name: 'a directory onto a file',
    dockerfile: `${BASE}RUN touch /x\nCOPY dir /x\n`,
    context: TREE,
    expect: {
      refused: 'COPY_DIRECTORY_ONTO_FILE',
      docker: /cannot copy to non-directory|not a directory/,
      line: 3,
    },
  },
  {
    name: 'a destination through a link to a directory',
    dockerfile: `${BASE}RUN mkdir /real && ln -s /real /link && ln -s real /rel\nCOPY a /link/\nCOPY dir /rel/\nCOPY b.txt /link\n`,
    context: TREE,
  },
  {
    name: 'a destination that is a link to a file',
    dockerfile: `${BASE}RUN echo old > /real && ln -s /real /link\nCOPY a /link\n`,
    context: TREE,
  },
  {
    name: 'a destination that is a dangling link',
    dockerfile: `${BASE}RUN ln -s /nowhere/x /link\nCOPY a /link\n`,
    context: TREE,
  },
  {
    name: 'a destination below a dangling link',
    dockerfile: `${BASE}RUN ln -s /later /link\nCOPY a /link/x/a\n`,
    context: TREE,
  },
  {
    name: 'a destination through links that climb above the root',
    dockerfile: `${BASE}RUN mkdir /d && ln -s ../../../../d /link\nCOPY a /link/\n`,
    context: TREE,
  },
  {
    name: 'a directory onto a link to a directory inside the copied tree',
    dockerfile: `${BASE}RUN mkdir -p /real /x && ln -s /real /x/sub\nCOPY dir /x\n`,
    context: TREE,
    expect: {
      refused: 'COPY_DIRECTORY_ONTO_FILE',
      docker: /cannot copy to non-directory/,
      line: 3,
    },
  },
];
