import { describe, expect, test } from 'vitest';
import { parseNamedContext } from './named-context.ts';
import type { NamedContext } from './plan-request.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

describe('parseNamedContext()', () => {
  test.each<[string, NamedContext]>([
    ['docker-image://alpine:3.18', { type: 'image', reference: 'alpine:3.18' }],
    ['docker-image:scratch', { type: 'image', reference: 'scratch' }],
    [
      `oci-layout://dir@${DIGEST}`,
      { type: 'oci-layout', path: 'dir', tag: undefined, digest: DIGEST },
    ],
    ['oci-layout:///a/b:v1', { type: 'oci-layout', path: '/a/b', tag: 'v1', digest: undefined }],
    [
      `oci-layout://../x:v1@${DIGEST}`,
      { type: 'oci-layout', path: '../x', tag: 'v1', digest: DIGEST },
    ],
    ['https://h/a.git#main', { type: 'git', url: 'https://h/a.git#main' }],
    ['git@h:a', { type: 'git', url: 'git@h:a' }],
    ['https://h/file.tar', { type: 'http', url: 'https://h/file.tar' }],
    ['target:base', { type: 'stage', name: 'base' }],
    ['../shared', { type: 'local', path: '../shared' }],
    ['local:dir', { type: 'local', path: 'dir' }],
    ['.', { type: 'local', path: '.' }],
  ])('reads %s', (value, expected) => {
    expect(parseNamedContext('x', value)).toEqual(expected);
  });

  test.each([
    ['', 'the value is empty'],
    ['docker-image://A', '"A" is not a valid image name'],
    ['oci-layout://', 'it names no directory'],
    ['oci-layout://d@sha256:1', '"sha256:1" is not a digest'],
    ['ftp://h/x', 'the scheme "ftp" is not known'],
  ])('refuses "%s"', (value, found) => {
    expect(() => parseNamedContext('x', value)).toThrow(
      `Cannot use build context "x=${value}": ${found}`,
    );
  });
});
