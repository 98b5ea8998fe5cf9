import { expect, test } from 'vitest';
import { undefinedVariable } from './undefined-var.ts';

const span = { file: { path: 'Dockerfile', text: '' }, start: 0, end: 0 };

test('undefinedVariable() says which variable, and which one was probably meant', () => {
  expect(undefinedVariable('foo', undefined, span).message).toBe(
    "Usage of undefined variable '$foo'",
  );
  expect(undefinedVariable('PAHT', 'PATH', span)).toEqual({
    severity: 'warning',
    code: 'UndefinedVar',
    message: "Usage of undefined variable '$PAHT' (did you mean $PATH?)",
    span,
    hint: undefined,
  });
});
