import { describe, expect, test } from 'vitest';
import { familiarName, fullName, parseImageName } from './image-name.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

describe('an image name', () => {
  test.each<[string, string, string]>([
    ['alpine', 'docker.io/library/alpine:latest', 'alpine'],
    ['alpine:3.18', 'docker.io/library/alpine:3.18', 'alpine:3.18'],
    ['alpine:latest', 'docker.io/library/alpine:latest', 'alpine'],
    ['bitnami/redis', 'docker.io/bitnami/redis:latest', 'bitnami/redis'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest', 'alpine'],
    ['index.docker.io/library/alpine', 'docker.io/library/alpine:latest', 'alpine'],
    ['localhost/x', 'localhost/x:latest', 'localhost/x'],
    ['localhost:5000/x:1', 'localhost:5000/x:1', 'localhost:5000/x:1'],
    ['Upper/x', 'Upper/x:latest', 'Upper/x'],
    ['[::1]:5000/a/b', '[::1]:5000/a/b:latest', '[::1]:5000/a/b'],
    ['gcr.io/a/b__c/d-e.f', 'gcr.io/a/b__c/d-e.f:latest', 'gcr.io/a/b__c/d-e.f'],
    [`alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`, `alpine@${DIGEST}`],
    [`alpine:3@${DIGEST}`, `docker.io/library/alpine:3@${DIGEST}`, `alpine:3@${DIGEST}`],
  ])('%s is in full %s and for people %s', (text, full, familiar) => {
    const name = parseImageName(text);
    expect(name && fullName(name)).toBe(full);
    expect(name && familiarName(name)).toBe(familiar);
  });

  test.each([
    '',
    'Alpine',
    'a b',
    'a:',
    'a@sha256:12',
    'a//b',
    '/a',
    'a/',
    '-a',
    'a:tag:tag',
    'docker.io/',
    'ab'.repeat(32),
    'a'.repeat(300),
    'x:$TAG',
  ])('is not "%s"', (text) => {
    expect(parseImageName(text)).toBeUndefined();
  });
});
