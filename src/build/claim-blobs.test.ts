import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseReference } from '../image/reference.ts';
import { digestOf } from '../core/sha256.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { startMemoryRegistry, type MemoryRegistry } from '../testing/memory-registry.ts';
import { claimBlobs, type RemoteBlob } from './claim-blobs.ts';

const { signal } = new AbortController();
let one: MemoryRegistry;
let two: MemoryRegistry;

beforeEach(async () => {
  one = await startMemoryRegistry();
  two = await startMemoryRegistry();
});
afterEach(async () => {
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
});

function remote(text: string, ...repositories: readonly string[]): RemoteBlob {
  const descriptor = {
    mediaType: MEDIA_TYPE.ociLayerGzip,
    digest: digestOf(text),
    size: text.length,
  };
  return { descriptor, repositories };
}

async function claim(
  blobs: readonly RemoteBlob[],
  ...names: readonly string[]
): Promise<readonly string[]> {
  const references = names.map((name) => parseReference(name));
  const deps = { registries: {}, env: {}, homeDir: '/nonexistent' };
  return [...(await claimBlobs(blobs, references, {}, deps, signal))];
}

test('a blob counts only when every registry has it', async () => {
  one.putBlob('a');
  one.putBlob('b');
  two.putBlob('b');
  two.putBlob('c');
  const blobs = [remote('a'), remote('b'), remote('c')];
  expect(await claim(blobs, `${one.host}/app`, `${two.host}/app`)).toEqual([digestOf('b')]);
});

test('a repository with several tags is asked once', async () => {
  one.putBlob('a');
  expect(await claim([remote('a')], `${one.host}/app:1`, `${one.host}/app:2`)).toEqual([
    digestOf('a'),
  ]);
  expect(one.requests.filter(({ method }) => method === 'HEAD')).toHaveLength(1);
});

test('it is mounted from the same registry only, and from where it was found before', async () => {
  one.putBlob('a');
  two.putBlob('a');
  for (const server of [one, two]) {
    server.setFault(({ method }) =>
      method === 'HEAD' ? { kind: 'answer', status: 404 } : undefined,
    );
  }
  const blob = remote('a', `${two.host}/far`, `${one.host}/near`);
  expect(await claim([blob], `${one.host}/app`, `${one.host}/other`)).toEqual([digestOf('a')]);
  const mounts = one.requests.filter(({ method }) => method === 'POST');
  expect(mounts.map(({ path }) => /from=([^&]*)/.exec(path)?.[1])).toEqual(['near', 'app']);
  expect(await claim([remote('a', `${one.host}/near`)], `${two.host}/app`)).toEqual([]);
});
