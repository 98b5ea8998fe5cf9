import { expect, test } from 'vitest';
import { undefinedFromArgument } from './undefined-arg-in-from.ts';

const span = { file: { path: 'Dockerfile', text: '' }, start: 0, end: 0 };

test('undefinedFromArgument() says which argument, and which one was probably meant', () => {
  expect(undefinedFromArgument('foo', undefined, span).message).toBe(
    "FROM argument 'foo' is not declared",
  );
  expect(undefinedFromArgument('TGA', 'TAG', span)).toEqual({
    severity: 'warning',
    code: 'UndefinedArgInFrom',
    message: "FROM argument 'TGA' is not declared (did you mean TAG?)",
    span,
    hint: undefined,
  });
});
