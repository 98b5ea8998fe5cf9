import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { EXIT_STATUS } from './build-error.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = join(ROOT, 'src');
const PAGES = join(ROOT, 'docs', 'errors');

/** Where a code stands in the sources, and the class that stands with it; helpers leave that out. */
interface CodeUse {
  readonly code: string;
  readonly file: string;
  readonly class: string | undefined;
}

/**
 * `code: 'NAME'`, and `class: 'name'` where it follows. Names of warnings are not upper case, and a type
 * such as `code: 'ENOSPC' | 'EDQUOT'` makes nothing.
 */
const CODE_FIELD = /\bcode: '([A-Z][A-Z0-9_]*)'(?!\s*\|)(?:,\s*class: '([a-z]+)')?/g;
/** A helper that takes the code as its first argument, such as `finding` of src/dockerfile/errors.ts. */
const CODE_HELPER = /\bfunction (\w+)\(\s*code: string\b/g;

/**
 * Finds codes as text, which is enough as they are always written out. What is not seen: a code that is
 * computed, and a helper in another file than its callers. System errors such as `code: 'ENOENT'` are
 * only made by tests, and tests are left out.
 */
function codeUses(file: string, text: string): CodeUse[] {
  const fields = [...text.matchAll(CODE_FIELD)].map(([, code = '', kind]) => ({
    code,
    file,
    class: kind,
  }));
  const calls = [...text.matchAll(CODE_HELPER)].flatMap(([, helper = '']) =>
    [...text.matchAll(new RegExp(`\\b${helper}\\(\\s*'([A-Z][A-Z0-9_]*)'`, 'g'))].map(
      ([, code = '']) => ({ code, file, class: undefined }),
    ),
  );
  return [...fields, ...calls];
}

function sourceFiles(): string[] {
  return readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(test|contract|fixture)\.ts$/.test(file))
    .filter((file) => !file.startsWith('testing/'))
    .sort();
}

function pageOf(code: string): string {
  return readFileSync(join(PAGES, `${code}.md`), 'utf8');
}

const uses = sourceFiles().flatMap((file) =>
  codeUses(file, readFileSync(join(SOURCES, file), 'utf8')),
);
const codes = [...new Set(uses.map(({ code }) => code))].sort();
const pages = readdirSync(PAGES)
  .filter((name) => name !== 'README.md')
  .map((name) => name.replace(/\.md$/, ''))
  .sort();

describe('the scanner for codes', () => {
  test('finds fields with their class, and arguments of helpers', () => {
    const text = [
      "new BuildError({ code: 'ONE', class: 'host', message })",
      "return { severity: 'error', code: 'TWO', message };",
      "return { severity: 'warning', code: 'LowerCase', message };",
      'function finding(code: string, message: string): Diagnostic {',
      "finding('THREE', message);",
      "finding(\n  'FOUR',\n  message);",
      "other('FIVE', message);",
      "function wordsFor(code: 'SIX' | 'SEVEN'): string {",
    ].join('\n');
    expect(codeUses('a.ts', text)).toEqual([
      { code: 'ONE', file: 'a.ts', class: 'host' },
      { code: 'TWO', file: 'a.ts', class: undefined },
      { code: 'THREE', file: 'a.ts', class: undefined },
      { code: 'FOUR', file: 'a.ts', class: undefined },
    ]);
  });

  test.each(['STEP_FAILED', 'UNKNOWN_INSTRUCTION', 'CHMOD_INVALID'])('finds %s', (code) => {
    expect(codes).toContain(code);
  });
});

describe('docs/errors', () => {
  test('has a page for every code', () => {
    const missing = uses.filter(({ code }) => !pages.includes(code));
    expect(missing.map(({ code, file }) => `${code} of src/${file}`)).toEqual([]);
  });

  test('has no page without a code', () => {
    expect(pages.filter((page) => !codes.includes(page))).toEqual([]);
  });

  test('lists every page once in its table', () => {
    const listed = [...pageOf('README').matchAll(/^\| \[(\w+)\]\((\w+)\.md\) \| \S.*\|$/gm)];
    expect(listed.filter(([, name, link]) => name !== link)).toEqual([]);
    expect(listed.map(([, name]) => name).sort()).toEqual(pages);
  });

  test.each(pages)('%s names its code, its message and what to do', (code) => {
    const page = pageOf(code);
    expect(page.startsWith(`# ${code}\n\n\`\`\`text\nCannot `)).toBe(true);
    expect(page).toMatch(/\n## What happened\n\n\S/);
    expect(page).toMatch(/\n## What to do\n\n\S/);
  });

  test('names the class that the sources give', () => {
    const wrong = uses.filter(({ code, class: kind }) => {
      if (kind === undefined || !pages.includes(code)) return false;
      const status = Object.entries(EXIT_STATUS).find(([name]) => name === kind)?.[1];
      return !/^Class: .*$/m.exec(pageOf(code))?.[0].includes(`${kind}, exit status ${status}`);
    });
    expect(wrong.map(({ code, class: kind }) => `${code} is ${kind}`)).toEqual([]);
  });
});
