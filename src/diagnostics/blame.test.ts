import { describe, expect, test } from 'vitest';
import { blame } from './blame.ts';
import { BuildError } from './build-error.ts';

const span = { file: { path: 'Dockerfile', text: 'COPY a b' }, start: 0, end: 8 };
const bare = new BuildError({ code: 'X', class: 'input', message: 'Cannot do it' });

describe('blame()', () => {
  test('adds the place and the hint that are missing', () => {
    expect(blame(bare, span, 'Try again')).toMatchObject({ code: 'X', span, hint: 'Try again' });
  });

  test('keeps the place and the hint that are there', () => {
    const own = new BuildError({ ...bare, message: bare.message, hint: 'Own', span });
    expect(blame(own, { ...span, start: 5 }, 'Other')).toBe(own);
  });

  test('leaves other errors alone', () => {
    const error = new Error('bug');
    expect(blame(error, span)).toBe(error);
  });
});
