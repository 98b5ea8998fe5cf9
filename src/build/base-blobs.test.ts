import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import type { BaseImage } from '../image/base-image.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { registryFailed } from '../registry/errors.ts';
import { fetchBaseBlobs, missingBaseBlobs, type BaseBlobsDeps } from './base-blobs.ts';
import { openStore, type Store } from './open-store.ts';

const { signal } = new AbortController();
const LAYERS = ['lowest', 'lower'] as const;
const [LOWEST, LOWER] = [digestOf('lowest'), digestOf('lower')];
const base: BaseImage = {
  name: 'r.io/base:1',
  manifestDigest: digestOf('manifest'),
  configDigest: digestOf('config'),
  config: {
    ...{ os: 'linux', architecture: 'amd64', config: {}, history: [] },
    rootfs: { type: 'layers', diff_ids: [] },
  },
  layers: LAYERS.map((text) => ({
    ...{ mediaType: MEDIA_TYPE.ociLayerGzip, digest: digestOf(text), size: text.length },
  })),
};

let dir: string;
let store: Store;
let notes: string[];
let asked: Digest[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'base-blobs-'));
  store = openStore(dir, process.getuid?.() ?? 0);
  notes = [];
  asked = [];
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

async function* bytesOf(text: string, offset: number): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text).subarray(offset));
}

const openLayer: BaseBlobsDeps['openLayer'] = (_image, { digest }, offset) => {
  asked.push(digest);
  const text = LAYERS.find((each) => digestOf(each) === digest) ?? '';
  return Promise.resolve(bytesOf(text, offset));
};

function fetchAll(needed: readonly Digest[], open = openLayer): Promise<void> {
  const deps = { store, openLayer: open, note: (text: string) => void notes.push(text) };
  return fetchBaseBlobs(base, new Set(needed), deps, signal);
}

test('layers of a base that an image has, and the store has not, are fetched, and no others', async () => {
  store.blobs.writeBytes(Buffer.from('lowest'));
  expect(missingBaseBlobs(base, store).map(({ digest }) => digest)).toEqual([LOWER]);
  await fetchAll([LOWEST]);
  expect(asked).toEqual([]);
  await fetchAll([LOWEST, LOWER]);
  await fetchAll([LOWEST, LOWER]);
  expect(asked).toEqual([LOWER]);
  expect(store.blobs.sizeOf(LOWER)).toBe('lower'.length);
  expect(notes).toEqual([]);
});

test('a layer that cannot be fetched is said, with what its image can be used for', async () => {
  await fetchAll([LOWER], () =>
    Promise.reject(registryFailed('r.io', 'pull "base"', 'it is on fire')),
  );
  expect(notes).toEqual([
    'The image can be run, and not be saved or pushed: a layer of its base "r.io/base:1" is not here any more, and fetching it failed: Cannot pull "base" at registry "r.io": it is on fire',
  ]);
  await expect(fetchAll([LOWER], () => Promise.reject(new TypeError('a bug')))).rejects.toThrow(
    'a bug',
  );
});

test('a layer that is there is held: no prune takes it before the build is done', async () => {
  store.blobs.writeBytes(Buffer.from('lower'));
  await using pruning = openStore(dir, process.getuid?.() ?? 0);
  const prune = (): Digest[] => [...pruning.blobs.removeAll([LOWER], () => new Set())];
  {
    using _use = store.use();
    missingBaseBlobs(base, store);
    expect(prune()).toEqual([]);
  }
  expect(prune()).toEqual([LOWER]);
});
