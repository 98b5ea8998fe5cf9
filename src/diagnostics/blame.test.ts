import { describe, expect, test } from 'vitest';
import { blame } from './blame.ts';
import { BuildError, type BuildErrorInit } from './build-error.ts';

const span = { file: { path: 'Dockerfile', text: 'COPY a b' }, start: 0, end: 8 };
const init: BuildErrorInit = { code: 'X', class: 'input', message: 'Cannot do it' };
const bare = new BuildError(init);

describe('blame()', () => {
  test('adds the place that is missing', () => {
    expect(blame(bare, span)).toMatchObject({ code: 'X', message: 'Cannot do it', span });
  });

  test('keeps the place that is there', () => {
    const own = new BuildError({ ...init, span });
    expect(blame(own, { ...span, start: 5 })).toBe(own);
  });

  test('puts the better hint in place of the general one', () => {
    const own = new BuildError({ ...init, hint: 'General' });
    expect(blame(own, span, 'Better')).toMatchObject({ hint: 'Better' });
  });

  test('leaves other errors alone', () => {
    const error = new Error('bug');
    expect(blame(error, span)).toBe(error);
  });
});
