import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDiskBlobStore, type DiskBlobStore } from '../content/disk-blob-store.ts';
import type { GrowingBlob } from '../content/growing-blob.ts';
import { digestOf } from '../core/sha256.ts';
import { startMemoryRegistry, type MemoryRegistry } from '../testing/memory-registry.ts';
import { createImagePusher } from './push-image.ts';

const { signal } = new AbortController();
const CHUNKS = ['first', 'second', 'third'].map((text) => Buffer.alloc(200_000, text));
const BYTES = Buffer.concat(CHUNKS);

let dir: string;
let registry: MemoryRegistry;
let blobs: DiskBlobStore;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'early-'));
  blobs = openDiskBlobStore(dir);
  registry = await startMemoryRegistry();
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

/** Stores a blob, and has it sent meanwhile. Resolves to the bytes that the registry took. */
async function sendWhileWriting(source: AsyncIterable<Uint8Array>): Promise<number> {
  const retryTimings = { firstWaitMs: 1, longestWaitMs: 1 };
  using pusher = createImagePusher({ registries: {}, env: {}, homeDir: dir, retryTimings });
  const sent: Promise<number>[] = [];
  const follow = (growing: GrowingBlob): void => {
    sent.push(pusher.sendEarly(`${registry.host}/team/app:v1`, growing, signal));
  };
  await blobs.write(source, undefined, signal, follow).catch(() => undefined);
  return (await sent[0]) ?? -1;
}

async function* chunks(): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield* CHUNKS;
}

/** Waits for the upload to be asked for before the last byte is there. */
async function* slowly(): AsyncGenerator<Uint8Array> {
  yield BYTES.subarray(0, 1000);
  while (!registry.requests.some(({ method }) => method === 'POST')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  yield BYTES.subarray(1000);
}

test('a blob is in the registry when it is written, and its bytes were sent once', async () => {
  expect(await sendWhileWriting(chunks())).toBe(BYTES.length);
  expect(registry.blobs.get(digestOf(BYTES))).toEqual(BYTES);
  expect(registry.requests.map(({ method }) => method).sort()).toEqual(
    ['HEAD', 'PATCH', 'POST', 'PUT'].sort(),
  );
});

test('the upload begins before the blob is whole', async () => {
  expect(await sendWhileWriting(slowly())).toBe(BYTES.length);
  expect(registry.blobs.get(digestOf(BYTES))).toEqual(BYTES);
});

test.each(['POST', 'PATCH', 'PUT', 'HEAD'])(
  'a registry that fails at %s gets nothing, and nothing is thrown',
  async (failing) => {
    registry.setFault(({ method }) =>
      method === failing ? { kind: 'answer', status: 500 } : undefined,
    );
    expect(await sendWhileWriting(chunks())).toBe(0);
    expect(registry.blobs.size).toBe(0);
    expect(blobs.sizeOf(digestOf(BYTES))).toBe(BYTES.length);
  },
);

test('what the registry has already is not counted as sent', async () => {
  registry.putBlob(BYTES);
  expect(await sendWhileWriting(chunks())).toBe(0);
});

test('a blob that is not written to its end is not put', async () => {
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield* chunks();
    throw new Error('The source broke');
  };
  expect(await sendWhileWriting(broken())).toBe(0);
  expect(registry.blobs.size).toBe(0);
});
