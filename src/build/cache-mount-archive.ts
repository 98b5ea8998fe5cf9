import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { finishDiffId } from '../core/sha256.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { gzipStream } from '../layer/compress.ts';
import { layerTar } from '../layer/layer-tar.ts';
import { unpackLayer } from '../layer/unpack.ts';
import { acquireLock } from '../host/lock.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { Op } from '../ops/op.ts';
import type { PushBlob } from '../registry/upload.ts';
import type { CachePlace } from '../remote-cache/read-cache.ts';
import type { SavedMount } from '../remote-cache/cache-document.ts';
import type { CacheForm } from '../remote-cache/cache-option.ts';
import type { Store } from './open-store.ts';

/** A saved cache mount, and the place that has it. */
export interface ImportedMount extends SavedMount {
  readonly place: CachePlace;
}

/** What caches of package managers hold is compressed already, or cheap to get again. */
const GZIP_LEVEL = 1;

/** Packs the cache mounts that a build has, as layers. One that a step uses at the moment is waited for. */
export async function saveCacheMounts(
  graph: OpGraph,
  { compression }: CacheForm,
  store: Store,
  signal: AbortSignal,
): Promise<readonly { readonly mount: SavedMount; readonly blob: PushBlob }[]> {
  const saved: { mount: SavedMount; blob: PushBlob }[] = [];
  for (const id of [...new Set(graph.ops.flatMap(cacheMountIds))].sort()) {
    const path = mountPath(store.root, id);
    if (!existsSync(path)) continue;
    await using _lock = await acquireLock(`${path}.lock`, { type: 'exclusive' }, signal);
    const hash = createHash('sha256');
    const tar = hashed(layerTar(path, { clampMtime: undefined }, signal), hash);
    const isPlain = compression.kind === 'uncompressed';
    const packed = isPlain ? tar : gzipStream(tar, { level: GZIP_LEVEL }, signal);
    const { digest, size } = await store.blobs.write(packed, undefined, signal);
    const mediaType = isPlain ? MEDIA_TYPE.ociLayer : MEDIA_TYPE.ociLayerGzip;
    const descriptor = { mediaType, digest, size };
    saved.push({
      mount: { id, diffId: finishDiffId(hash), blob: descriptor },
      blob: { descriptor, open: (at) => store.blobs.openRead(digest, at) },
    });
  }
  return saved;
}

/**
 * Fills the cache mounts of a step that are not here from what a cache saved. What cannot be had is told
 * in a line, and the mount starts empty.
 */
export async function restoreCacheMounts(
  op: Op,
  mounts: ReadonlyMap<string, ImportedMount>,
  store: Store,
  note: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const id of cacheMountIds(op)) {
    const mount = mounts.get(id);
    const path = mountPath(store.root, id);
    if (mount === undefined || existsSync(path)) continue;
    mkdirSync(join(store.root, 'mounts'), { recursive: true, mode: 0o700 });
    await using _lock = await acquireLock(`${path}.lock`, { type: 'exclusive' }, signal);
    if (existsSync(path)) continue;
    const making = `${path}.new-${String(process.pid)}`;
    try {
      rmSync(making, { recursive: true, force: true });
      mkdirSync(making, { mode: 0o755 });
      const { blob, diffId: expectedDiffId, place } = mount;
      await store.blobs.write(await place.open(blob, 0, signal), blob, signal);
      const bytes = store.blobs.openRead(blob.digest, signal);
      await unpackLayer(bytes, making, { lower: undefined, expectedDiffId }, signal);
      renameSync(making, path);
    } catch (error) {
      rmSync(making, { recursive: true, force: true });
      signal.throwIfAborted();
      if (!(error instanceof BuildError)) throw error;
      note(`The cache mount "${id}" starts empty: ${error.message}`);
    }
  }
}

function cacheMountIds(op: Op): string[] {
  if (op.kind !== 'exec') return [];
  return op.mounts.flatMap((mount) => (mount.type === 'cache' ? [mount.id] : []));
}

/** As exec/cache-mounts.ts names it. */
function mountPath(root: string, id: string): string {
  return join(root, 'mounts', createHash('sha256').update(id).digest('hex'));
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}
