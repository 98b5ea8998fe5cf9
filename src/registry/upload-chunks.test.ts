import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import { createTransport, type Transport } from '../http/transport.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { startMemoryRegistry, type MemoryRegistry } from '../testing/memory-registry.ts';
import { REGISTRY_HTTP_ERRORS } from './errors.ts';
import { createRegistryClient } from './registry-client.ts';
import { uploadBlob, type Uploaded } from './upload.ts';
import { CHUNK_BYTES } from './upload-chunks.ts';

const { signal } = new AbortController();
const PART_BYTES = 1_000_000;
/** Chunks end where parts do. */
const CHUNK = Math.ceil(CHUNK_BYTES / PART_BYTES) * PART_BYTES;
const BLOB = Buffer.alloc(2 * CHUNK + 1000, 'bytes of a layer');

let server: MemoryRegistry;
let transport: Transport;

beforeEach(async () => {
  server = await startMemoryRegistry();
  transport = createTransport({
    errors: REGISTRY_HTTP_ERRORS,
    isInsecure: () => true,
    certificates: { extraCaPaths: [], hostDirs: [] },
    env: {},
  });
});
afterEach(async () => {
  transport.close();
  await server[Symbol.asyncDispose]();
});

function upload(): Promise<Uploaded> {
  const retryTimings = { firstWaitMs: 1, longestWaitMs: 1 };
  const credentials = { find: () => Promise.resolve(undefined) };
  const endpoint = { name: server.host, origins: [`http://${server.host}`] };
  const client = createRegistryClient(endpoint, { transport, credentials, retryTimings });
  const blob = {
    descriptor: { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf(BLOB), size: BLOB.length },
    async *open() {
      await Promise.resolve();
      for (let at = 0; at < BLOB.length; at += PART_BYTES) yield BLOB.subarray(at, at + PART_BYTES);
    },
  };
  return uploadBlob({ client, repository: 'app', retryTimings }, blob, signal);
}

/** Method and range of what was sent, without the questions before it. */
function sent(): readonly (string | undefined)[] {
  return server.requests
    .filter(({ method }) => method === 'PATCH' || method === 'PUT')
    .map(({ method, headers }) => headers['content-range'] ?? method);
}

test('a large blob goes in one piece as long as nothing breaks', async () => {
  expect(await upload()).toBe('sent');
  expect(sent()).toEqual(['PUT']);
});

test('after a break it goes in chunks', async () => {
  let breaks = 1;
  server.setFault(({ method }) =>
    method === 'PUT' && breaks-- > 0 ? { kind: 'reset' } : undefined,
  );
  expect(await upload()).toBe('sent');
  expect(server.blobs.get(digestOf(BLOB))?.length).toBe(BLOB.length);
  expect(sent().slice(1)).toEqual([
    `0-${String(CHUNK - 1)}`,
    `${String(CHUNK)}-${String(2 * CHUNK - 1)}`,
    `${String(2 * CHUNK)}-${String(BLOB.length - 1)}`,
    'PUT',
  ]);
});

test('a chunk that broke off goes on where the registry has it', async () => {
  const seen = { put: 0, patch: 0 };
  server.setFault(({ method }) => {
    if (method === 'PUT' && seen.put++ === 0) return { kind: 'reset' };
    // The registry took the second chunk, and its answer was lost.
    if (method === 'PATCH' && seen.patch++ === 1) return { kind: 'truncate', bytes: 0 };
    return undefined;
  });
  expect(await upload()).toBe('sent');
  expect(digestOf(server.blobs.get(digestOf(BLOB)) ?? '')).toBe(digestOf(BLOB));
});

test('an upload that the registry lost begins anew', async () => {
  const seen = { put: 0, patch: 0 };
  server.setFault(({ method }) => {
    if (method === 'PUT' && seen.put++ === 0) return { kind: 'reset' };
    if (method === 'PATCH' && seen.patch++ === 1) return { kind: 'answer', status: 404 };
    return undefined;
  });
  expect(await upload()).toBe('sent');
  expect(seen.patch).toBe(5);
  expect(digestOf(server.blobs.get(digestOf(BLOB)) ?? '')).toBe(digestOf(BLOB));
});

test('a chunk that never passes is given up after five tries', async () => {
  let puts = 0;
  let patches = 0;
  server.setFault(({ method }) => {
    if (method === 'PUT' && puts++ === 0) return { kind: 'reset' };
    return method === 'PATCH' && ++patches > 0 ? { kind: 'answer', status: 503 } : undefined;
  });
  await expect(upload()).rejects.toMatchObject({ code: 'REGISTRY_ERROR' });
  expect(patches).toBe(5);
});
