import { expect, test } from 'vitest';
import { parseNewName, parseReference } from './reference.ts';

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

test('parseNewName() gives no image a name that stands for content', () => {
  const digest = `sha256:${'7'.repeat(64)}`;
  expect(parseNewName('app:1')).toMatchObject({ tag: '1' });
  expect(() => parseNewName(`busybox@${digest}`)).toThrow(
    expect.objectContaining({
      code: 'INVALID_REFERENCE',
      message: `Cannot use "busybox@${digest}" as an image name: a digest names its content, and cannot be given to an image`,
      hint: `Leave "@${digest}" out.`,
    }) as Error,
  );
  expect(() => parseNewName('sha256:abc')).toThrow(
    'Cannot use "sha256:abc" as an image name: it would be taken for an image id',
  );
});
