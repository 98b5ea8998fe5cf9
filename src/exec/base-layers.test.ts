import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDiskBlobStore, type DiskBlobStore } from '../content/disk-blob-store.ts';
import { hexOf, type DiffId } from '../core/digest.ts';
import { chainIdOf, digestOf } from '../core/sha256.ts';
import { writeFileAtomic } from '../host/atomic-file.ts';
import { openLayerIndex, type LayerIndex } from '../layer/layer-index.ts';
import { openDirectorySnapshotter } from '../snapshot/directory-snapshotter.ts';
import type { Snapshotter } from '../snapshot/snapshotter.ts';
import { file, hardlink, tarArchiveOf, type EntrySketch } from '../testing/tar-builder.ts';
import { ensureLayers, type LayersDeps, type PackedLayer } from './base-layers.ts';

const { signal } = new AbortController();

let dir: string;
let blobs: DiskBlobStore;
let snapshots: Snapshotter;
let layers: LayerIndex;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'base-layers-'));
  blobs = openDiskBlobStore(dir);
  snapshots = openDirectorySnapshotter(join(dir, 'snapshots'));
  layers = openLayerIndex(join(dir, 'layers'), writeFileAtomic);
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

interface TestLayer extends PackedLayer {
  readonly bytes: Buffer;
}

function layerOf(...entries: readonly EntrySketch[]): TestLayer {
  const tar = tarArchiveOf(...entries);
  const bytes = gzipSync(tar, { level: 0 });
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length } as const;
  return { descriptor, diffId: digestOf(tar) as string as DiffId, bytes };
}

/** Fetches and unpacks. `send` gives the bytes of a layer from a place on; its own bytes otherwise. */
function ensure(
  wanted: readonly TestLayer[],
  send: (layer: TestLayer, offset: number) => AsyncIterable<Uint8Array> = pieces,
): ReturnType<typeof ensureLayers> {
  const deps: LayersDeps = {
    blobs,
    snapshots,
    layers,
    openLayer: ({ digest }, offset) => {
      const layer = wanted.find(({ descriptor }) => descriptor.digest === digest);
      if (layer === undefined) throw new RangeError('A layer that nobody has');
      return Promise.resolve(send(layer, offset));
    },
    lock: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
    onProgress: () => undefined,
  };
  return ensureLayers(wanted, deps, signal);
}

async function* pieces({ bytes }: TestLayer, offset: number): AsyncGenerator<Uint8Array> {
  for (let at = offset; at < bytes.length; at += 10_000) {
    yield await Promise.resolve(bytes.subarray(at, at + 10_000));
  }
}

const fileNames = (): string[] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).map(
    (path) => path.split('/').at(-1) ?? '',
  );

test('a layer is unpacked while it comes', async () => {
  // More than what is read ahead on the way.
  const layer = layerOf(file('early', 'e'.repeat(4_000_000)), file('late', 'l'));
  const top = await ensure([layer], async function* ({ bytes }) {
    yield bytes.subarray(0, bytes.length - 1000);
    while (!fileNames().includes('early')) await setImmediate();
    yield bytes.subarray(bytes.length - 1000);
  });
  expect(top).toBe(layers.snapshotOf(chainIdOf(undefined, layer.diffId)));
  expect(fileNames()).toEqual(expect.arrayContaining(['early', 'late']));
});

test('layers come out in their order, whichever comes first', async () => {
  const low = layerOf(file('a', '1'), file('b', '2'));
  const top = layerOf(file('a', '3'));
  let isTopHere = false;
  const id = await ensure([low, top], async function* (layer, offset) {
    if (layer === low) while (!isTopHere) await setImmediate();
    yield* pieces(layer, offset);
    if (layer === top) isTopHere = true;
  });
  const tree = snapshots.tree(id);
  const a = tree.lookup('/a' as never, { followsLast: false });
  expect([a?.size, id === undefined ? 0 : snapshots.chain(id).length]).toEqual([1, 2]);
});

test('a layer with another digest than promised is not used, though it could be unpacked', async () => {
  const promised = layerOf(file('f', 'good'));
  const other = layerOf(file('f', 'evil'));
  expect(other.bytes).toHaveLength(promised.bytes.length);
  await expect(ensure([promised], () => pieces(other, 0))).rejects.toMatchObject({
    code: 'BLOB_DIGEST_MISMATCH',
  });
  expect(layers.snapshotOf(chainIdOf(undefined, promised.diffId))).toBeUndefined();
  expect(fileNames()).not.toContain('f');
});

test('what a former download left and was wrong is fetched and unpacked anew', async () => {
  const layer = layerOf(file('f', 'f'.repeat(100_000)));
  const { digest } = layer.descriptor;
  const left = Buffer.from(layer.bytes.subarray(0, 60_000));
  left.fill('x', 30_000, 40_000);
  writeFileSync(join(dir, 'tmp', `partial-${hexOf(digest)}`), left);
  const id = await ensure([layer]);
  expect(snapshots.tree(id).lookup('/f' as never, { followsLast: false })?.size).toBe(100_000);
  expect(readdirSync(join(dir, 'snapshots/active'))).toEqual([]);
});

test('a refused entry is the error, when all the layer has come', async () => {
  const layer = layerOf(file('f', 'x'), hardlink('h', 'nowhere'));
  await expect(ensure([layer])).rejects.toMatchObject({ code: 'LAYER_ENTRY_REFUSED' });
  expect(layers.snapshotOf(chainIdOf(undefined, layer.diffId))).toBeUndefined();
});

test('a download that breaks off is the error, and leaves nothing that is half unpacked', async () => {
  const layer = layerOf(file('f', 'f'.repeat(100_000)));
  const broken = async function* ({ bytes }: TestLayer): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(bytes.subarray(0, 50_000));
    throw new Error('the connection broke');
  };
  await expect(ensure([layer], broken)).rejects.toThrow('the connection broke');
  expect(fileNames()).not.toContain('f');
  expect(readdirSync(join(dir, 'tmp'))).toEqual([`partial-${hexOf(layer.descriptor.digest)}`]);
});
