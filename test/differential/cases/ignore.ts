import type { ContextFile, DifferentialCase } from '../case.ts';

const DOCKERFILE = 'FROM diff/base:1\nCOPY . /src/\n';
const TREE: Readonly<Record<string, ContextFile>> = {
  a: 'a',
  'a.log': 'log',
  'b.txt': 'b',
  Dockerfile: 'FROM nothing',
  'd/a': 'd/a',
  'd/x.log': 'd/x.log',
  'd/e/x.log': 'd/e/x.log',
  'd/e/keep.log': 'keep',
  'node_modules/m/index.js': 'm',
  'pkg/node_modules/m/index.js': 'm',
  'pkg/node_modules/keep': 'm',
  '.git/HEAD': 'h',
  '!odd': 'odd',
  '#hash': 'hash',
  'sp ace': 's',
};
const ignoring = (
  name: string,
  text: string,
  more: Partial<DifferentialCase> = {},
): DifferentialCase => ({
  name,
  dockerfile: DOCKERFILE,
  context: { ...TREE, '.dockerignore': text },
  ...more,
});

/** .dockerignore. */
export const IGNORE_CASES: readonly DifferentialCase[] = [
  ignoring('names at the top only', 'a\n*.log\n'),
  ignoring('any depth', '**/*.log\n**/node_modules\n'),
  ignoring('exceptions', '**/*.log\n!d/e/keep.log\n'),
  ignoring('an exception below an ignored directory', 'd\n!d/e/keep.log\n'),
  ignoring('everything but some', '*\n!a\n!pkg\n'),
  ignoring('everything with deep exceptions', '**\n!d/e\n!pkg/node_modules/keep\n'),
  ignoring('the last rule wins', '!a\na\n!b.txt\n*.txt\n!b.*\n'),
  ignoring('slashes, dots and blanks', '/a\n./b.txt\n  d/  \n\n.git/\npkg/../node_modules\n'),
  ignoring('comments', '# comment\n #hash\n\\#hash\n'),
  ignoring('question marks and classes', '?\n[b-d].txt\nd/[^a]\n'),
  ignoring('escapes', '\\!odd\nsp\\ ace\n'),
  ignoring('a directory with stars', 'd/**/x.log\n**/m/**\n'),
  ignoring('a dot alone', '.\n!a\n'),
  ignoring('carriage returns and a byte order mark', '\uFEFFa\r\n*.log\r\n'),
  ignoring('the ignore file itself', '.dockerignore\nDockerfile\n'),
  ignoring('an ignored file by name', 'a\n', {
    dockerfile: 'FROM diff/base:1\n\nCOPY a /x/\n',
    expect: { refused: 'COPY_SOURCE_NOT_FOUND', docker: /not found/, line: 3 },
  }),
  ignoring('an ignore file beside the Dockerfile wins', 'a\n', { ignoreFile: 'b.txt\n' }),
  ignoring('an empty ignore file beside the Dockerfile wins', 'a\n', { ignoreFile: '' }),
  ignoring('wildcards do not find what is ignored', '*.log\n', {
    dockerfile: 'FROM diff/base:1\nCOPY *.* /src/\n',
  }),
  ignoring('a pattern that is not one', 'a\n[z-a]\nd[\n', {
    expect: {
      refused: 'INVALID_IGNORE_PATTERN',
      docker: /syntax error in pattern|illegal|error/,
      line: undefined,
    },
  }),
];
