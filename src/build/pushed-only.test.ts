import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import { parseOutput } from '../export/parse-output.ts';
import { openStore, type Store } from './open-store.ts';
import { pushedOnly, type PushedOnly } from './pushed-only.ts';

let dir: string;
let store: Store;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pushed-only-'));
  store = openStore(join(dir, 'store'), process.getuid?.() ?? 0);
  const id = digestOf('config');
  const image = { id, layers: [], manifestDigest: undefined, storedAt: '2026-01-01T00:00:00Z' };
  await store.images.put(image, ['r.io/here:1'], new AbortController().signal);
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

function decide(
  tags: readonly string[],
  outputs: readonly string[],
  isVerified = false,
): PushedOnly | undefined {
  const read = outputs.map((text) => ({ text, output: parseOutput(text) }));
  return pushedOnly({ tags, isVerified }, read, store);
}

test('the names of all pushes count, each once', () => {
  const only = decide(['r.io/a:1'], ['type=registry', 'type=registry,"name=r.io/a:1,r.io/b:2"']);
  expect(only?.references.map(({ repository, tag }) => `${repository}:${tag ?? ''}`)).toEqual([
    'a:1',
    'b:2',
  ]);
});

test.each([
  ['nothing is pushed', []],
  ['the local store is to have it', ['type=registry', 'type=image']],
  ['it is pushed from the local store', ['type=image,push=true']],
  ['store=true says so', ['type=registry,store=true']],
  ['files are wanted', ['type=registry', 'type=local,dest=out']],
  ['layers are compressed anew', ['type=registry,force-compression=true']],
])('layers come here when %s', (_, outputs) => {
  expect(decide(['r.io/a:1'], outputs)).toBeUndefined();
});

test('layers come here when an image here has the name, unless none is kept anyway', () => {
  expect(decide(['r.io/here:1'], ['type=registry'])).toBeUndefined();
  expect(decide(['r.io/here:1'], ['type=registry,store=false'])).toBeDefined();
  expect(decide(['r.io/here:2'], ['type=registry'])).toBeDefined();
});

test('layers come here when the build is verified', () => {
  expect(decide(['r.io/a:1'], ['type=registry'], true)).toBeUndefined();
});

test('TLS is done without only when all pushes allow it', () => {
  const insecure = 'type=registry,registry.insecure=true';
  expect(decide(['r.io/a:1'], [insecure])?.isInsecure).toBe(true);
  expect(decide(['r.io/a:1'], [insecure, 'type=registry'])?.isInsecure).toBe(false);
});
