import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGoPattern } from './go-match.ts';
import { parseIgnoreFile } from './ignore-file.ts';
import type { PatternMatcher } from './pattern-matcher.ts';
import { encodeUtf8 } from './utf8.ts';

function matcher(...lines: string[]): PatternMatcher {
  const parsed = parseIgnoreFile({ path: '.dockerignore', text: lines.join('\n') });
  expect(parsed.diagnostics).toEqual([]);
  return parsed.matcher;
}

const ignores = (patterns: string[], path: string): boolean =>
  matcher(...patterns).matches(encodeUtf8(path)).isIgnored;

describe('an ignore pattern', () => {
  test.each<[string, string[], string[]]>([
    ['**', ['file', 'dir/file', '.x'], []],
    ['**/**', ['dir/file'], []],
    ['dir', ['dir', 'dir/a', 'dir/a/b'], ['dirs', 'a/dir']],
    ['/dir/', ['dir', 'dir/a'], ['a/dir']],
    ['dir/*', ['dir/a', 'dir/a/b'], ['dir']],
    ['dir/**', ['dir/a', 'dir/a/b'], ['dir', 'dirs/a']],
    ['**/dir', ['dir', 'dir/a', 'a/b/dir', 'a/dir/b'], ['xdir', 'dirs']],
    ['**dir', ['dir', 'xdir', 'a/xdir/b'], ['dirs']],
    ['**/dir2/*', ['dir/dir2/file', 'dir2/a/b'], ['dir2', 'a/dir2']],
    ['**/*.txt', ['a.txt', 'a/b/c.txt', 'a.txt/b'], ['a.txt2']],
    ['a**/*.txt', ['a/f.txt', 'a/b/f.txt', 'ab/f.txt', 'a.txt'], ['b/f.txt']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['a/xb', 'ab']],
    ['*.go', ['a.go', '.go', 'a.go/b'], ['a/b.go', 'a.goo']],
    ['a?c', ['abc', 'a☺c'], ['a/c', 'ac', 'a☺☺c']],
    ['a[b-d]e', ['ace'], ['ae', 'aae']],
    ['a[^b-d]e', ['aze'], ['ace']],
    ['[α-ω]*', ['β', 'βx'], ['b']],
    ['a\\*b', ['a*b'], ['axb']],
    ['a.b+(c)|{$}', ['a.b+(c)|{$}'], ['axb+(c)|{$}']],
    ['./a/../b//c', ['b/c'], ['a/b/c']],
    ['été/*', ['été/x'], ['ete/x']],
  ])('%s', (pattern, ignored, kept) => {
    expect(ignored.filter((path) => !ignores([pattern], path))).toEqual([]);
    expect(kept.filter((path) => ignores([pattern], path))).toEqual([]);
  });

  test('never ignores the root', () => {
    expect(ignores(['**'], '.') || ignores(['*'], '')).toBe(false);
  });

  test('matches one byte that is not UTF-8 with ?', () => {
    const name = 'a\xffb' as ReturnType<typeof encodeUtf8>;
    expect(matcher('a?b').matches(name).isIgnored).toBe(true);
  });
});

describe('the last rule wins', () => {
  test.each<[string[], string, boolean, number | undefined]>([
    [['*.go', '!a.go'], 'a.go', false, 2],
    [['!a.go', '*.go'], 'a.go', true, 2],
    [['docs', '!docs/README.md'], 'docs/README.md', false, 2],
    [['docs', '!docs/README.md'], 'docs/x', true, 1],
    [['**', '!util/web'], 'util/web/foo', false, 2],
    [['**', '!util/web', 'util/web/foo'], 'util/web/foo', true, 3],
    [['a', '!a/b', 'a'], 'a/b', true, 3],
    [['# a', '', 'b'], 'b', true, 3],
    [['a'], 'b', false, undefined],
  ])('%j for %s', (lines, path, isIgnored, byLine) => {
    expect(matcher(...lines).matches(encodeUtf8(path))).toMatchObject({ isIgnored, byLine });
  });
});

describe('mayContainReincluded()', () => {
  test.each<[string[], string, boolean]>([
    [['node_modules'], 'node_modules', false],
    [['node_modules', '!src'], 'node_modules', false],
    [['node_modules', '!node_modules/a/b'], 'node_modules', true],
    [['node_modules', '!node_modules/a/b'], 'node_modules/a', true],
    [['node_modules', '!node_modules/a/b'], 'node_modules/c', false],
    [['*', '!src/**'], 'lib', false],
    [['*', '!src/**'], 'src', true],
    [['*', '!**/keep'], 'lib', true],
    [['*', '!*/keep'], 'lib', true],
    [['*', '!*/keep'], 'lib/a', false],
    [['!lib/a', 'lib'], 'lib', false],
  ])('%j below %s', (lines, directory, expected) => {
    expect(matcher(...lines).mayContainReincluded(encodeUtf8(directory))).toBe(expected);
  });

  test('never says no above a path that is kept', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const segment = fc.constantFrom('a', 'b', '*', '**', '?');
    const join = (parts: string[]): string => parts.join('/');
    const rule = fc
      .tuple(fc.boolean(), fc.array(segment, { minLength: 1, maxLength: 3 }))
      .map(([isException, parts]) => (isException ? '!' : '') + join(parts));
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 5 }),
        fc.array(name, { minLength: 2, maxLength: 4 }),
        (rules, path) => {
          const found = matcher(...rules);
          const at = (depth: number) => encodeUtf8(join(path.slice(0, depth)));
          if (found.matches(at(path.length)).isIgnored) return;
          for (let depth = 1; depth < path.length; depth++) {
            if (!found.matches(at(depth)).isIgnored) continue;
            expect(found.mayContainReincluded(at(depth))).toBe(true);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('parseIgnoreFile()', () => {
  test('cleans patterns and keeps their lines', () => {
    const text = '\uFEFF# no\r\n test1 \r\n\r\n/a/./b/\n! /inverted/abs\n #not a comment\n';
    const { patterns } = parseIgnoreFile({ path: '.dockerignore', text });
    expect(patterns.map((pattern) => [pattern.line, pattern.text])).toEqual([
      [2, 'test1'],
      [4, 'a/b'],
      [5, '!inverted/abs'],
      [6, '#not a comment'],
    ]);
    expect(patterns.map(({ span }) => text.slice(span.start, span.end))).toEqual([
      'test1',
      '/a/./b/',
      '! /inverted/abs',
      '#not a comment',
    ]);
  });

  test.each([
    ['!', 'illegal exclusion pattern: "!"'],
    ['a[', 'syntax error in pattern'],
    ['a[]', 'syntax error in pattern'],
    ['[a-]', 'syntax error in pattern'],
    ['a\\', 'syntax error in pattern'],
  ])('reports %s and keeps the other rules', (bad, reason) => {
    const parsed = parseIgnoreFile({ path: '.dockerignore', text: `x\n${bad}\n` });
    expect(parsed.diagnostics).toMatchObject([
      {
        code: 'INVALID_IGNORE_PATTERN',
        message: `Cannot use ignore pattern: ${reason}`,
        span: { start: 2 },
      },
    ]);
    expect(parsed.matcher.matches(encodeUtf8('x')).isIgnored).toBe(true);
  });

  test('refuses files with too many patterns', () => {
    const parsed = parseIgnoreFile({ path: '.dockerignore', text: 'a\n'.repeat(10_001) });
    expect(parsed.diagnostics.map(({ code }) => code)).toEqual(['IGNORE_FILE_TOO_LARGE']);
  });
});

describe('compileGoPattern()', () => {
  test.each<[string, string, boolean | undefined]>([
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*', 'a/b', false],
    ['a*', 'ab/c', false],
    ['a*/b', 'abc/b', true],
    ['a*/b', 'a/c/b', false],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/f', true],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['**/a', 'a', false],
    ['ab[e-g]', 'abc', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['*[a-ζ]', 'A', false],
    ['[\\]a]', ']', true],
    ['[\\-x]', '-', true],
    ['[x\\-]', 'z', false],
    ['[]a]', ']', undefined],
    ['[-]', '-', undefined],
    ['[x-]', 'x', undefined],
    ['[a-b-c]', 'a', undefined],
    ['[', 'a', undefined],
    ['a[', 'x', undefined],
    ['\\', 'a', undefined],
    ['[^', 'a', undefined],
    ['', '', true],
  ])('%s against %s', (pattern, name, expected) => {
    expect(compileGoPattern(pattern)?.matches(encodeUtf8(name))).toBe(expected);
  });

  test('agrees with a RegExp', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?'), maxLength: 8 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 10 });
    fc.assert(
      fc.property(pattern, name, (glob, text) => {
        const source = glob.replace(/[*?]/g, (sign) => (sign === '*' ? '[^/]*' : '[^/]'));
        expect(compileGoPattern(glob)?.matches(encodeUtf8(text))).toBe(
          new RegExp(`^${source}$`).test(text),
        );
      }),
      { numRuns: 2000 },
    );
  });
});
