import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { parseIgnoreFile } from '../ignore-file.ts';
import { copyIgnoredFile } from './copy-ignored-file.ts';

function findings(ignored: readonly string[], line: string): ReturnType<typeof findingsOf> {
  const source = { path: '.dockerignore', text: ignored.join('\n') };
  const { matcher } = parseIgnoreFile(source);
  return findingsOf(copyIgnoredFile, ['FROM alpine', line], { ignoreMatcher: matcher });
}

describe('CopyIgnoredFile', () => {
  test.each([
    { line: 'COPY secret.txt /', verb: 'Copy', path: 'secret.txt' },
    { line: 'COPY ./dir/../secret.txt /', verb: 'Copy', path: 'secret.txt' },
    { line: 'COPY /secret.txt /', verb: 'Copy', path: '/secret.txt' },
    { line: 'COPY node_modules/a /', verb: 'Copy', path: 'node_modules/a' },
    { line: 'ADD ["secret.txt", "/"]', verb: 'Add', path: 'secret.txt' },
  ])('catches $line', ({ line, verb, path }) => {
    const [found, ...others] = findings(['secret.txt', 'node_modules'], line);
    expect(found?.message).toBe(
      `Attempting to ${verb} file "${path}" that is excluded by .dockerignore`,
    );
    expect(others).toEqual([]);
  });

  test.each([
    'COPY other.txt /',
    'COPY . /',
    'COPY --from=busybox secret.txt /',
    'COPY $UNKNOWN /',
    'ADD https://example.com/secret.txt /',
  ])('allows %s', (line) => {
    expect(findings(['secret.txt'], line)).toEqual([]);
  });

  test('catches the whole context when everything in it is ignored', () => {
    expect(findings(['*'], 'COPY . /')).toMatchObject([
      { message: 'Attempting to Copy file "." that is excluded by .dockerignore' },
    ]);
    expect(findings(['?'], 'COPY . /')).toEqual([]);
  });

  test('says nothing next to exceptions, as BuildKit', () => {
    expect(findings(['secret.txt', '!other'], 'COPY secret.txt /')).toEqual([]);
  });

  test('allows a directory of which an exception leaves something', () => {
    expect(findings(['dir', '!dir/kept'], 'COPY dir /')).toEqual([]);
  });

  test('says nothing without an ignore file', () => {
    expect(findingsOf(copyIgnoredFile, ['FROM alpine', 'COPY a /'])).toEqual([]);
  });
});
