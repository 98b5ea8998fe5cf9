import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contextDirectory, readDockerfile } from './read-dockerfile.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'read-dockerfile-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const read = (file: string | undefined): string =>
  readDockerfile({ kind: 'file', path: file }, dir, dir).source.text;

describe('readDockerfile()', () => {
  test('takes Dockerfile before dockerfile', () => {
    writeFileSync(join(dir, 'dockerfile'), 'small');
    expect(read(undefined)).toBe('small');
    writeFileSync(join(dir, 'Dockerfile'), 'large');
    expect(read(undefined)).toBe('large');
  });

  test('names what the context has instead', () => {
    writeFileSync(join(dir, 'Dockefile'), '');
    expect(() => read(undefined)).toThrow(
      expect.objectContaining({
        code: 'DOCKERFILE_NOT_FOUND',
        message: 'Cannot read Dockerfile "Dockerfile": the build context has none',
        hint: 'Did you mean "Dockefile"?',
      }),
    );
  });

  test('says that -f starts at the working directory', () => {
    expect(() => read('build/none')).toThrow(
      expect.objectContaining({
        message: 'Cannot read Dockerfile "build/none": there is no such file',
        hint: 'The path of -f starts at the working directory',
      }),
    );
  });

  test.each([
    ['Dockerfile', undefined, true],
    ['in/file', 'in/file', true],
    ['in/file of a linked directory', 'linked/Dockerfile', true],
    ['near', 'near', false],
    ['of its own name', '../elsewhere/Dockerfile', false],
  ])('C09 knows that the text is private of a file elsewhere: %s', (_what, name, isPrivate) => {
    const context = join(dir, 'context');
    for (const folder of [context, join(context, 'in'), join(dir, 'elsewhere')]) mkdirSync(folder);
    writeFileSync(join(dir, 'elsewhere/Dockerfile'), 'secret');
    writeFileSync(join(context, 'own'), 'own');
    symlinkSync('../elsewhere/Dockerfile', join(context, 'Dockerfile'));
    symlinkSync('../../elsewhere/Dockerfile', join(context, 'in/file'));
    symlinkSync('../elsewhere', join(context, 'linked'));
    symlinkSync('own', join(context, 'near'));
    const { source } = readDockerfile({ kind: 'file', path: name }, context, context);
    expect(source.isPrivate).toBe(isPrivate);
    expect(source.text).toBe(name === 'near' ? 'own' : 'secret');
  });

  test.each([
    ['a directory', (path: string) => mkdirSync(path), 'it is a directory'],
    [
      'a pipe, without waiting for a writer',
      (path: string) => execFileSync('mkfifo', [path]),
      'it is not a regular file',
    ],
  ])('refuses %s', (_what, make, found) => {
    make(join(dir, 'D'));
    expect(() => read('D')).toThrow(
      expect.objectContaining({
        code: 'DOCKERFILE_UNREADABLE',
        message: `Cannot read Dockerfile "D": ${found}`,
      }),
    );
  });
});

describe('contextDirectory()', () => {
  test('refuses a file and says how to name a Dockerfile', () => {
    writeFileSync(join(dir, 'Dockerfile'), '');
    expect(() => contextDirectory({ kind: 'directory', path: 'Dockerfile' }, dir)).toThrow(
      expect.objectContaining({
        code: 'CONTEXT_NOT_A_DIRECTORY',
        message: 'Cannot use "Dockerfile" as build context: it is not a directory',
        hint: 'To name a Dockerfile, use -f Dockerfile',
      }),
    );
  });

  test('names a directory of nearly the same name', () => {
    mkdirSync(join(dir, 'service'));
    expect(() => contextDirectory({ kind: 'directory', path: 'servcie' }, dir)).toThrow(
      expect.objectContaining({
        message: 'Cannot use "servcie" as build context: it does not exist',
        hint: 'Did you mean "service"?',
      }),
    );
  });
});
