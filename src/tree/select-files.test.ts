import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseIgnoreFile } from '../dockerfile/ignore-file.ts';
import { selectionOf } from '../testing/selection.ts';
import { openContext } from './context-tree.ts';
import type { FileTree } from './file-tree.ts';
import { selectFiles, type Selection } from './select-files.ts';
import { walkSelected } from './walk-selected.ts';

let dir: string;
let tree: FileTree;

const FILES: Readonly<Record<string, string>> = {
  'a.txt': 'a',
  'b.txt': 'b',
  'c.md': 'c',
  'src/main.ts': 'm',
  'src/lib/x.ts': 'x',
  'src/lib/y.js': 'y',
  'src/lib/deep/z.ts': 'z',
  'odd[0].txt': 'o',
  'ignored/secret': 's',
  'ignored/kept/k': 'k',
  '.dockerignore': 'ignored\n!ignored/kept\n*.md\n',
};

beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'select-'));
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(dir, name), content);
  }
  symlinkSync('src', path.join(dir, 'link'));
  symlinkSync('/etc', path.join(dir, 'out'));
  symlinkSync('nowhere', path.join(dir, 'dangling'));
  const text = FILES['.dockerignore'] ?? '';
  tree = openContext(dir, parseIgnoreFile({ path: '.dockerignore', text }).matcher);
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

function select(source: string, options: Partial<Selection> = {}): string[] {
  return selectFiles(tree, selectionOf(source, options), undefined).flatMap((root) =>
    [...walkSelected(tree, root)].map(
      ({ path: below, isParentOnly }) => `${root.name}:${below}${isParentOnly ? ' (parent)' : ''}`,
    ),
  );
}

describe('selectFiles()', () => {
  test.each<[string, string, string[], Partial<Selection>?]>([
    ['a file', '/a.txt', ['a.txt:']],
    ['a file named from a sub-directory', 'src/../a.txt', ['a.txt:']],
    ['more .. than there are directories', '/../../a.txt', ['a.txt:']],
    [
      'a directory in byte order',
      '/src',
      [
        'src:',
        'src:lib',
        'src:lib/deep',
        'src:lib/deep/z.ts',
        'src:lib/x.ts',
        'src:lib/y.js',
        'src:main.ts',
      ],
    ],
    ['a link to a directory', '/link/lib/deep', ['deep:', 'deep:z.ts']],
    ['a link that is not followed', '/link', ['link:'], { followsSymlink: false }],
    ['wildcards', '/*.txt', ['a.txt:', 'b.txt:', 'odd[0].txt:']],
    ['a class', '/[ab].txt', ['a.txt:', 'b.txt:']],
    ['an escaped bracket', '/odd[[]0].txt', ['odd[0].txt:']],
    ['wildcards below a link', '/link/l*/x.*', ['x.ts:']],
    ['a wildcard that matches nothing', '/*.zip', []],
    ['a wildcard that a link would have to match for', '/lin*/main.ts', []],
    [
      'a re-included directory and nothing else',
      '/ignored',
      ['ignored:', 'ignored:kept', 'ignored:kept/k'],
    ],
    ['excludes', '/src', ['src:', 'src:main.ts'], { excludes: ['lib'] }],
    [
      'excludes with an exception',
      '/src',
      ['src:', 'src:lib (parent)', 'src:lib/x.ts', 'src:main.ts'],
      { excludes: ['lib', '!lib/x.ts'] },
    ],
    ['an excluded file among matches', '/*.txt', ['b.txt:', 'odd[0].txt:'], { excludes: ['a.*'] }],
    [
      'parents',
      '/src/lib/x.ts',
      [':', ':src (parent)', ':src/lib (parent)', ':src/lib/x.ts'],
      { keepsParents: true },
    ],
    [
      'parents from a pivot',
      '/src/./lib/*.ts',
      ['src:', 'src:lib (parent)', 'src:lib/x.ts'],
      { keepsParents: true },
    ],
    [
      'parents of anything at any depth',
      '/**/z.ts',
      [':', ':src (parent)', ':src/lib (parent)', ':src/lib/deep (parent)', ':src/lib/deep/z.ts'],
      { keepsParents: true },
    ],
  ])('selects %s', (_what, source, expected, options) => {
    expect(select(source, options)).toEqual(expected);
  });

  test.each<[string, string, string | undefined, Partial<Selection>?]>([
    ['/b.text', 'Cannot copy "/b.text": it is not in the build context', 'Did you mean "/b.txt"?'],
    [
      '/src/lip/x.ts',
      'Cannot copy "/src/lip/x.ts": it is not in the build context',
      'Did you mean "/src/lib"?',
    ],
    [
      '/c.md',
      'Cannot copy "/c.md": it is not in the build context',
      'Line 3 of .dockerignore ("*.md") leaves it out.',
    ],
    [
      '/ignored/secret',
      'Cannot copy "/ignored/secret": it is not in the build context',
      'Line 1 of .dockerignore ("ignored") leaves it out.',
    ],
    [
      '/dangling',
      'Cannot copy "/dangling": "/dangling" in the build context is a symbolic link to a file that is not there',
      undefined,
    ],
    ['/out/passwd', 'Cannot copy "/out/passwd": it is not in the build context', undefined],
    ['/none/*.ts', 'Cannot copy "/none/*.ts": "/none" is not in the build context', undefined],
    [
      '/src/./lib/q.ts',
      'Cannot copy "/src/./lib/q.ts": "/src/lib/q.ts" is not in the build context',
      'Did you mean "/src/lib/x.ts"?',
      { keepsParents: true },
    ],
  ])('says why there is no %s', (source, message, hint, options) => {
    expect(() => select(source, options)).toThrow(
      expect.objectContaining({ code: 'COPY_SOURCE_NOT_FOUND', message, hint }) as Error,
    );
  });

  test('a pattern with wrong syntax is an error', () => {
    expect(() => select('/a[')).toThrow('Cannot match "a[": syntax error in pattern');
    expect(() => select('/src', { excludes: ['[z'] })).toThrow(
      'Cannot match "[z": syntax error in pattern',
    );
  });
});
