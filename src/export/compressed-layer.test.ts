import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDiskBlobStore, type DiskBlobStore } from '../content/disk-blob-store.ts';
import type { DiffId } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { blocksOf, type Block } from '../layer/blocks.ts';
import { decompress } from '../layer/decompress.ts';
import { TarAsideFailure } from '../layer/tar-aside.ts';
import { compressedLayer, rememberFetched, type LayerSource } from './compressed-layer.ts';

const MIB = 1 << 20;
const never = new AbortController().signal;
const bytes = Buffer.alloc(3_000_000, 'not really a tar archive ');
const gzip = { kind: 'gzip', level: 6 } as const;

let root: string;
let blobs: DiskBlobStore;
let opened: number;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'compressed-layer-'));
  blobs = openDiskBlobStore(root);
  opened = 0;
});
afterEach(() => rmSync(root, { recursive: true }));

function layerOf(content: Buffer, diffId = digestOf(content)): LayerSource {
  return {
    diffId: diffId as string as DiffId,
    size: content.length,
    async *open() {
      opened++;
      await Promise.resolve();
      yield content;
    },
  };
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* inOne(content: Buffer): AsyncGenerator<Uint8Array> {
  yield content;
}

async function* failInTheMiddle(): AsyncGenerator<Block> {
  for await (const block of blocksOf(inOne(Buffer.alloc(2 * MIB, 'wrong')), MIB)) yield block;
  throw new TarAsideFailure('gone');
}

describe('compressedLayer', () => {
  it('stores a gzip blob whose content has the diff id', async () => {
    const { digest, size } = await compressedLayer(layerOf(bytes), gzip, { blobs, root }, never);
    const stored = blobs.readBytes(digest, size);
    expect(stored.length).toBe(size);
    expect(gunzipSync(stored).equals(bytes)).toBe(true);
  });

  it('makes a blob once for each level', async () => {
    const deps = { blobs, root };
    const first = await compressedLayer(layerOf(bytes), gzip, deps, never);
    expect(await compressedLayer(layerOf(bytes), gzip, deps, never)).toEqual(first);
    expect(opened).toBe(1);
    const other = await compressedLayer(layerOf(bytes), { kind: 'gzip', level: 0 }, deps, never);
    expect(other.digest).not.toBe(first.digest);
    expect(opened).toBe(2);
  });

  it('takes what another thread reads, and what is read here to the same blob', async () => {
    const aside: LayerSource = { ...layerOf(bytes), openAside: () => blocksOf(inOne(bytes), MIB) };
    const other = await compressedLayer(aside, gzip, { blobs, root }, never);
    expect(opened).toBe(0);
    rmSync(join(root, 'layers'), { recursive: true });
    expect(await compressedLayer(layerOf(bytes), gzip, { blobs, root }, never)).toEqual(other);
    expect(opened).toBe(1);
  });

  it.each([gzip, { kind: 'zstd', level: 3 } as const, { kind: 'uncompressed' } as const])(
    'begins again here when the other thread fails in the middle ($kind)',
    async (compression) => {
      const failing: LayerSource = { ...layerOf(bytes), openAside: failInTheMiddle };
      const { digest, size } = await compressedLayer(failing, compression, { blobs, root }, never);
      const plain = decompress(inOne(blobs.readBytes(digest, size)), never);
      const parts: Uint8Array[] = [];
      for await (const part of plain) parts.push(Buffer.from(part));
      expect(Buffer.concat(parts).equals(bytes)).toBe(true);
      expect([...blobs.list()]).toHaveLength(1);
    },
  );

  it('makes the blob again when it was removed or its record is torn', async () => {
    const deps = { blobs, root };
    const first = await compressedLayer(layerOf(bytes), gzip, deps, never);
    blobs.removeAll([first.digest], () => new Set());
    expect(await compressedLayer(layerOf(bytes), gzip, deps, never)).toEqual(first);
    const [record = ''] = readdirSync(join(root, 'layers', 'gzip'));
    for (const text of ['', 'sha256:', first.digest, `${first.digest} 7`]) {
      writeFileSync(join(root, 'layers', 'gzip', record), text);
      expect(await compressedLayer(layerOf(bytes), gzip, deps, never)).toEqual(first);
    }
    expect(opened).toBe(6);
  });

  it('keeps an uncompressed layer under its own digest', async () => {
    const deps = { blobs, root };
    const plain = await compressedLayer(layerOf(bytes), { kind: 'uncompressed' }, deps, never);
    expect(plain).toEqual({ digest: digestOf(bytes), size: bytes.length, form: 'uncompressed' });
    await compressedLayer(layerOf(bytes), { kind: 'uncompressed' }, deps, never);
    expect(opened).toBe(1);
  });

  it.each([gzip, { kind: 'uncompressed' } as const])(
    'refuses files that changed, and keeps nothing ($kind)',
    async (compression) => {
      const layer = layerOf(bytes, digestOf('something else'));
      const made = compressedLayer(layer, compression, { blobs, root }, never);
      await expect(made).rejects.toMatchObject({ code: 'LAYER_CHANGED', class: 'host' });
      expect([...blobs.list()]).toEqual([]);
      expect(readdirSync(join(root, 'tmp'))).toEqual([]);
    },
  );

  it('stores zstd frames that the program zstd reads, once', async () => {
    const zstd = { kind: 'zstd', level: 3 } as const;
    const made = await compressedLayer(layerOf(bytes), zstd, { blobs, root }, never);
    expect(made.form).toBe('zstd');
    expect(await compressedLayer(layerOf(bytes), zstd, { blobs, root }, never)).toEqual(made);
    expect(opened).toBe(1);
    const chunks: Uint8Array[] = [];
    for await (const chunk of decompress(blobs.openRead(made.digest, never), never)) {
      chunks.push(Buffer.from(chunk));
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });

  it('takes bytes that were fetched for the layer, unless it is forced', async () => {
    const digest = blobs.writeBytes(Buffer.from('as somebody packed it'));
    const fetched = { digest, size: 21, form: 'zstd' } as const;
    rememberFetched(root, layerOf(bytes).diffId, fetched);
    const deps = { blobs, root };
    expect(await compressedLayer(layerOf(bytes), gzip, deps, never)).toEqual(fetched);
    expect(opened).toBe(0);
    const forced = await compressedLayer(layerOf(bytes), gzip, deps, never, true);
    expect(forced.form).toBe('gzip');
    rmSync(blobs.pathOf(digest));
    expect(await compressedLayer(layerOf(bytes), gzip, deps, never)).toEqual(forced);
  });

  it('remembers digest and size as text', async () => {
    const made = await compressedLayer(layerOf(bytes), gzip, { blobs, root }, never);
    const [name = ''] = readdirSync(join(root, 'layers', 'gzip'));
    const text = readFileSync(join(root, 'layers', 'gzip', name), 'utf8');
    expect(text).toBe(`${made.digest} ${made.size}`);
  });
});
