import { timeText } from '../core/time-text.ts';
import type { Emit } from '../events/event.ts';
import { layerTar } from '../layer/layer-tar.ts';
import type { StoredImage } from '../image/stored-image.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { BaseImages } from './base-images.ts';
import type { FinishedImage } from './finish-image.ts';
import type { Store } from './open-store.ts';
import type { BuildRequest } from './request.ts';

/** What writing results needs of the build. */
export interface OutputDeps {
  readonly store: Store;
  readonly bases: BaseImages;
  readonly cwd: string;
  readonly stdout: NodeJS.WritableStream;
  readonly emit: Emit;
  /** Seconds since 1970 that layers were measured with. */
  readonly epoch: number | undefined;
  /** Milliseconds since the build began. */
  elapsed(): number;
  /** Milliseconds since 1970. */
  now(): number;
}

/**
 * Puts the images where they were asked for: into the local store, under the tags, when there is a tag
 * or nothing else was asked for; and to each `-o`. Snapshots are on the disk before an image names them.
 */
export async function writeOutputs(
  images: readonly FinishedImage[],
  request: BuildRequest,
  deps: OutputDeps,
  signal: AbortSignal,
): Promise<void> {
  deps.store.snapshots.flush();
  const isStored = request.tags.length > 0 || request.outputs.length === 0;
  if (isStored) for (const image of images) await storeImage(image, request.tags, deps, signal);
  for (const output of request.outputs) await exportTo(output, images, request, deps, signal);
}

async function storeImage(
  image: FinishedImage,
  tags: readonly string[],
  deps: OutputDeps,
  signal: AbortSignal,
): Promise<void> {
  const { store, emit } = deps;
  store.blobs.writeBytes(image.configBytes);
  const stored: StoredImage = {
    id: image.id,
    layers: image.layers,
    manifestDigest: undefined,
    storedAt: timeText(deps.now()),
  };
  await store.images.put(stored, tags, signal);
  const bytes = image.layers.reduce((sum, { size }) => sum + size, 0);
  for (const destination of tags.length === 0 ? ['image'] : tags.map((tag) => `image ${tag}`)) {
    emit({
      type: 'image-written',
      image: { destination, digest: image.id, bytes },
      at: deps.elapsed(),
    });
  }
}

async function exportTo(
  text: string,
  images: readonly FinishedImage[],
  request: BuildRequest,
  deps: OutputDeps,
  signal: AbortSignal,
): Promise<void> {
  const { store, emit } = deps;
  const [{ parseOutput }, { exportImage }] = await Promise.all([
    import('../export/parse-output.ts'),
    import('../export/export-image.ts'),
  ]);
  const task = `export ${text}`;
  emit({ type: 'task-started', task, name: `exporting to ${text}`, at: deps.elapsed() });
  const exportable = images.map((image) => ({
    config: image.config,
    configBytes: image.configBytes,
    platform: image.platform,
    references: request.tags,
    tree: store.snapshots.tree(image.root),
    layers: image.layers.map(({ diffId, size, snapshot, blob }) => ({
      diffId,
      size,
      blob: blob !== undefined && store.blobs.sizeOf(blob.digest) !== undefined ? blob : undefined,
      open: (layerSignal: AbortSignal) =>
        layerTar(
          snapshotDir(store, snapshot),
          // Base layers keep the bytes they came with.
          { clampMtime: blob === undefined ? deps.epoch : undefined },
          layerSignal,
        ),
    })),
  }));
  const written = await exportImage(
    parseOutput(text),
    exportable,
    {
      blobs: store.blobs,
      root: store.root,
      cwd: deps.cwd,
      stdout: deps.stdout,
      epoch: deps.epoch,
      note: (text) => emit({ type: 'note', text }),
    },
    signal,
  );
  emit({ type: 'task-done', task, at: deps.elapsed(), detail: undefined });
  emit({ type: 'image-written', image: written, at: deps.elapsed() });
}

function snapshotDir(store: Store, id: string | undefined): string {
  const snapshot = id === undefined ? undefined : store.snapshots.get(id as SnapshotId);
  if (snapshot === undefined) throw new TypeError('A layer of a new image has no snapshot');
  return snapshot.dir;
}
