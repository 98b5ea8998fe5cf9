import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from './sha256.ts';
import {
  familiarName,
  formatReference,
  isReference,
  readReference,
  type ImageReference,
} from './image-reference.ts';

const DIGEST = digestOf('x');

/** Reads a text that must have no fault. */
function read(text: string): ImageReference {
  const result = readReference(text);
  if ('fault' in result) throw new Error(result.fault);
  return result;
}

describe('an image reference', () => {
  test.each([
    ['alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['alpine:3.18', 'docker.io/library/alpine:3.18', 'alpine:3.18'],
    ['team/app', 'docker.io/team/app:latest', 'team/app:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['index.docker.io/library/alpine', 'docker.io/library/alpine:latest', 'alpine:latest'],
    ['docker.io/library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
    ['docker.io/a.b/app', 'docker.io/a.b/app:latest', 'docker.io/a.b/app:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
    ['app:5000', 'docker.io/library/app:5000', 'app:5000'],
    ['[::1]:5000/app:v1', '[::1]:5000/app:v1', '[::1]:5000/app:v1'],
    ['ghcr.io/a/b_c/d-e:V.1', 'ghcr.io/a/b_c/d-e:V.1', 'ghcr.io/a/b_c/d-e:V.1'],
    [`app@${DIGEST}`, `docker.io/library/app@${DIGEST}`, `app@${DIGEST}`],
    [`app:1@${DIGEST}`, `docker.io/library/app:1@${DIGEST}`, `app:1@${DIGEST}`],
  ])('reads %s', (text, full, familiar) => {
    const reference = read(text);
    expect(formatReference(reference)).toBe(full);
    expect(familiarName(reference)).toBe(familiar);
  });

  test.each([
    ['', 'it is empty'],
    ['App', 'the repository name "App" must be lower case'],
    ['app:', 'the tag after ":" is empty'],
    ['app:-x', 'the tag "-x" may only have'],
    [`app:${'x'.repeat(129)}`, 'its tag has more than 128 characters'],
    ['https://ghcr.io/app', 'it is a URL'],
    ['a'.repeat(256), 'its name has more than 255 characters'],
    ['a'.repeat(2000), 'it has more than 1024 characters'],
    ['0'.repeat(64), 'it is an image id, not a name'],
    ['app@sha256:../../x', '"sha256:../../x" is not "sha256:" and 64 lower-case hex digits'],
    [`app@${DIGEST.toUpperCase()}`, 'is not "sha256:"'],
    ['a//b', 'the repository name "a//b" may only have'],
    ['a..b', 'the repository name "a..b" may only have'],
    ['../app', '".." is not a host name with an optional port'],
    ['a/../b', 'may only have'],
    ['host:port/app', '"host:port" is not a host name with an optional port'],
    ['user@host/app', 'is not "sha256:"'],
    ['/a', 'may only have'],
    ['a/', 'may only have'],
    ['-a', 'may only have'],
    ['docker.io/', 'the repository name is empty'],
    ['a:tag:tag', 'may only have'],
    ['x:$TAG', 'may only have'],
    ['a\n', 'may only have'],
    ['a:v1\n', 'may only have'],
  ])('refuses %j', (text, message) => {
    expect(readReference(text)).toMatchObject({
      fault: expect.stringContaining(message) as string,
    });
    expect(isReference(text)).toBe(false);
  });

  test('reads back what it wrote, full or familiar', () => {
    const part = fc.stringMatching(/^[a-z0-9]+(?:[._-][a-z0-9]+)?$/, { maxLength: 12 });
    const name = fc
      .tuple(
        fc.option(fc.constantFrom('ghcr.io/', 'localhost:5000/', 'docker.io/', '127.0.0.1/')),
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.option(fc.stringMatching(/^:\w[\w.-]{0,20}$/)),
        fc.option(fc.constant(`@${DIGEST}`)),
      )
      .map(
        ([host, path, tag, digest]) => `${host ?? ''}${path.join('/')}${tag ?? ''}${digest ?? ''}`,
      )
      .filter((text) => isReference(text));
    fc.assert(
      fc.property(name, (text) => {
        const reference = read(text);
        expect(read(formatReference(reference))).toEqual(reference);
        expect(read(familiarName(reference))).toEqual(reference);
      }),
    );
  });

  test('leads to a familiar name without a tag when the reference has none', () => {
    const repository = { ...read('docker.io/library/alpine'), tag: undefined };
    expect(familiarName(repository)).toBe('alpine');
  });

  test('takes any text without failing in another way, and lets no path or control through', () => {
    const alphabet = fc.constantFrom(...Array.from('aA0.-_/:@[]%?#\\ \n\0é'));
    const text = fc.oneof(fc.string(), fc.string({ unit: alphabet, maxLength: 40 }));
    fc.assert(
      fc.property(text, (written) => {
        const result = readReference(written);
        if ('fault' in result) return;
        const { registry, repository, tag } = result;
        const url = new URL(`https://${registry}/v2/${repository}/manifests/${tag ?? DIGEST}`);
        expect(url.pathname).toBe(`/v2/${repository}/manifests/${tag ?? DIGEST}`);
      }),
      { numRuns: 3000 },
    );
  });
});
