import { describe, expect, test } from 'vitest';
import { parseDigest } from '../core/digest.ts';
import type { ExecOp, FileOp, Mount, Op, OpId, SourceOp } from '../ops/op.ts';
import { userCopy } from '../testing/sample-ops.ts';
import { hashKeyParts } from './cache-key.ts';
import { opParts } from './op-parts.ts';

const id = (index: number): OpId => index as OpId;
const key = (op: Op): string => hashKeyParts(opParts(op));
const manifest = (digit: string): NonNullable<ReturnType<typeof parseDigest>> => {
  const digest = parseDigest(`sha256:${digit.repeat(64)}`);
  if (digest === undefined) throw new Error('Not a digest');
  return digest;
};

const cacheMount: Mount = {
  type: 'cache',
  id: 'npm',
  target: '/root/.npm',
  from: undefined,
  source: '/',
  sharing: 'shared',
  isReadonly: false,
  mode: 0o755,
  uid: 0,
  gid: 0,
};
const secretMount: Mount = {
  type: 'secret',
  id: 'token',
  target: '/run/secrets/token',
  env: undefined,
  isRequired: false,
  mode: 0o400,
  uid: 0,
  gid: 0,
};
const exec: ExecOp = {
  kind: 'exec',
  root: id(0),
  args: ['/bin/sh', '-c', 'make'],
  env: ['PATH=/bin', 'CI=1'],
  proxyEnv: [],
  cwd: '/app',
  user: '',
  mounts: [cacheMount, secretMount],
  network: 'default',
  security: 'sandbox',
  platform: { os: 'linux', architecture: 'amd64' },
};

// One row per reason to run a step again. A new field without a row here, or in the list of fields
// that are left out, fails review.
describe('opParts() of an exec op changes with', () => {
  test.each<[string, Partial<ExecOp>]>([
    ['the command', { args: ['/bin/sh', '-c', 'make all'] }],
    ['where an argument ends', { args: ['/bin/sh', '-c make'] }],
    ['a value in the environment', { env: ['PATH=/bin', 'CI=0'] }],
    ['a new variable', { env: ['PATH=/bin', 'CI=1', 'A=b'] }],
    ['the order of variables', { env: ['CI=1', 'PATH=/bin'] }],
    ['the working directory', { cwd: '/' }],
    ['the user', { user: 'node' }],
    ['the network', { network: 'none' }],
    ['the security mode', { security: 'insecure' }],
    ['the platform', { platform: { os: 'linux', architecture: 'arm64' } }],
    ['a device', { devices: [{ name: 'a/b=c', isRequired: false }] }],
    ['an added host', { extraHosts: [{ host: 'db', address: '10.0.0.1' }] }],
    ['the id of a cache mount', { mounts: [{ ...cacheMount, id: 'yarn' }, secretMount] }],
    [
      'the sharing of a cache mount',
      { mounts: [{ ...cacheMount, sharing: 'locked' }, secretMount] },
    ],
    ['the id of a secret', { mounts: [cacheMount, { ...secretMount, id: 'other' }] }],
    ['the target of a secret', { mounts: [cacheMount, { ...secretMount, target: '/x' }] }],
    ['a missing mount', { mounts: [cacheMount] }],
  ])('%s', (_what, change) => {
    expect(key({ ...exec, ...change })).not.toBe(key(exec));
  });
});

describe('opParts() of an exec op does not change with', () => {
  test.each<[string, Partial<ExecOp>]>([
    ['proxies', { proxyEnv: ['HTTP_PROXY=http://user:password@proxy'] }],
    ['the index of its input', { root: id(7) }],
    ['a secret being required', { mounts: [cacheMount, { ...secretMount, isRequired: true }] }],
  ])('%s', (_what, change) => {
    expect(key({ ...exec, ...change })).toBe(key(exec));
  });

  test('the address of an added host', () => {
    const host = (address: string): ExecOp => ({ ...exec, extraHosts: [{ host: 'db', address }] });
    expect(key(host('10.0.0.1'))).toBe(key(host('10.0.0.2')));
  });
});

describe('opParts() of a file op', () => {
  const copy = userCopy(1, '/src', '/app/');
  const file: FileOp = { kind: 'file', base: id(0), actions: [copy] };

  test.each<[string, FileOp['actions']]>([
    ['the source', [{ ...copy, source: '/lib' }]],
    ['the destination', [{ ...copy, destination: '/app' }]],
    ['the owner', [{ ...copy, owner: { user: 'node', group: undefined } }]],
    ['the mode', [{ ...copy, mode: '0755' }]],
    ['unpacking', [{ ...copy, unpacksArchives: true }]],
    ['kept parents', [{ ...copy, keepsParents: true }]],
    ['excludes', [{ ...copy, excludes: ['*.md'] }]],
    ['a second action', [copy, copy]],
    [
      'another kind of action',
      [{ action: 'rm', path: '/src', allowsNotFound: true, allowsWildcard: false }],
    ],
  ])('changes with %s', (_what, actions) => {
    expect(key({ ...file, actions })).not.toBe(key(file));
  });

  test('does not change with the index of the input', () => {
    expect(key({ ...file, actions: [{ ...copy, from: id(9) }] })).toBe(key(file));
  });
});

describe('opParts() of a source op', () => {
  const image = (name: string, digit: string): SourceOp => ({
    kind: 'source',
    source: { type: 'image', name, manifestDigest: manifest(digit) },
    platform: undefined,
  });

  test('changes with the manifest', () => {
    expect(key(image('alpine', 'a'))).not.toBe(key(image('alpine', 'b')));
  });

  test('does not change with the name of the image', () => {
    expect(key(image('alpine', 'a'))).toBe(key(image('alpine:latest', 'a')));
  });
});
