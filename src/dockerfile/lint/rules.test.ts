import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { ruleSlug } from './rule.ts';
import { ruleOf, RULES } from './rules.ts';

/** The page of CopyIgnoredFile would need an ignore file. */
const withOwnCheck = RULES.filter(
  ({ name, check }) => check !== undefined && name !== 'CopyIgnoredFile',
).map(({ name }) => name);

const PAGES = new URL('../../../docs/rules/', import.meta.url);

function page(name: string): string {
  return readFileSync(new URL(`${ruleSlug(name)}.md`, PAGES), 'utf8');
}

describe('RULES', () => {
  test('has each of the 22 checks once', () => {
    expect(RULES).toHaveLength(22);
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(22);
  });

  test.each(RULES.map(({ name }) => name))('%s has a page with its parts', (name) => {
    const prose = page(name).replace(/```[^]*?```/g, '');
    const headings = prose.split('\n').filter((line) => line.startsWith('#'));
    expect(headings).toEqual([`# ${name}`, '## Output', '## Description', '## Bad', '## Good']);
  });

  test.each(withOwnCheck)('%s says of the examples of its page what the page says', (name) => {
    const [output = '', bad = '', good = ''] = Array.from(
      page(name).matchAll(/```\w+\n([^]*?)\n```/g),
      ([, block]) => block,
    );
    const rule = RULES.filter((each) => each.name === name);
    const said = (text: string): string[] =>
      rule.flatMap((each) => findingsOf(each, [text]).map(({ message }) => message));
    expect(said(bad)).toEqual([output]);
    expect(said(good)).toEqual([]);
  });

  test('has a check for each page', () => {
    const pages = readdirSync(PAGES).filter((file) => file !== 'README.md');
    expect(pages.sort()).toEqual(RULES.map(({ name }) => `${ruleSlug(name)}.md`).sort());
  });
});

test('ruleSlug() splits words and keeps abbreviations together', () => {
  expect(ruleSlug('JSONArgsRecommended')).toBe('json-args-recommended');
  expect(ruleSlug('UndefinedArgInFrom')).toBe('undefined-arg-in-from');
});

test('ruleOf() finds rules by the code of their findings', () => {
  expect(ruleOf('UndefinedVar')?.description).toBe('Variables should be defined before their use');
  expect(ruleOf('toString')).toBeUndefined();
});
