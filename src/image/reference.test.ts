import { expect, test } from 'vitest';
import { parseReference } from './reference.ts';

test('parseReference() says which part of the text is wrong and what to write', () => {
  expect(() => parseReference('App')).toThrow(
    expect.objectContaining({
      code: 'INVALID_REFERENCE',
      message: expect.stringContaining('"App" must be lower case') as string,
      hint: expect.stringContaining('Write "app"') as string,
    }) as Error,
  );
  expect(parseReference('app')).toMatchObject({ repository: 'library/app', tag: 'latest' });
});
