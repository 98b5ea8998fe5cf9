import type { Digest } from '../core/digest.ts';
import { timeText } from '../core/time-text.ts';
import type { Emit } from '../events/event.ts';
import type { PushImage } from '../export/export-image.ts';
import type { Output } from '../export/output.ts';
import { parseNewName } from '../image/reference.ts';
import type { StoredImage } from '../image/stored-image.ts';
import { indexedImage, indexIdOf } from '../image/stored-index.ts';
import type { BaseImages } from './base-images.ts';
import { layerBytesIn, totalBytes } from './layer-bytes.ts';
import { clampMtimesOf, exportableLayers, layersElsewhere } from './exportable-layers.ts';
import type { FinishedImage } from './finish-image.ts';
import type { Store } from './open-store.ts';
import type { BuildRequest } from './request.ts';

/** What writing results needs of the build. */
export interface OutputDeps {
  readonly store: Store;
  readonly bases: BaseImages;
  readonly cwd: string;
  readonly stdout: () => NodeJS.WritableStream;
  /** Sends images to registries. */
  readonly push?: PushImage | undefined;
  readonly emit: Emit;
  /** Seconds since 1970 that layers were measured with. */
  readonly epoch: number | undefined;
  /** Milliseconds since the build began. */
  elapsed(): number;
  /** Milliseconds since 1970. */
  now(): number;
}

/** One `-o`, as written and as read. */
export interface RequestedOutput {
  readonly text: string;
  readonly output: Output;
}

/**
 * Reads the names that a request gives to its results, so that a mistake is told before the work.
 * @throws BuildError INVALID_REFERENCE, OUTPUT_INVALID
 */
export async function readOutputs(request: BuildRequest): Promise<readonly RequestedOutput[]> {
  for (const tag of request.tags) parseNewName(tag);
  const { outputs, annotations } = request;
  if (outputs.length === 0 && annotations.length === 0) return [];
  const { parseOutput } = await import('../export/parse-output.ts');
  const { invalidOutput, pushWithoutName } = await import('../export/errors.ts');
  const read = outputs.map((text) => ({ text, output: parseOutput(text) }));
  const [, second] = read.filter(({ output }) => 'dest' in output && output.dest === '-');
  if (second !== undefined) {
    throw invalidOutput(second.text, 'standard output takes one result, and another goes there');
  }
  for (const { output } of read) {
    if ('names' in output) for (const name of output.names) parseNewName(name);
    const isPush = output.type === 'image' && output.push;
    if (isPush && output.names.length === 0 && request.tags.length === 0) throw pushWithoutName();
  }
  if (annotations.length === 0) return read;
  const { addAnnotations } = await import('../export/annotations.ts');
  const annotated = addAnnotations(
    read.map(({ output }) => output),
    annotations,
  );
  return read.map(({ text }, index) => ({ text, output: annotated[index] ?? parseOutput(text) }));
}

/**
 * Puts the images where they were asked for: into the local store, when there is a tag, an output of
 * type image, or nothing else was asked for; and to each `-o`. The caller has seen
 * to it that snapshots are on the disk before an image names them.
 */
export async function writeOutputs(
  images: readonly FinishedImage[],
  request: BuildRequest,
  outputs: readonly RequestedOutput[],
  deps: OutputDeps,
  signal: AbortSignal,
): Promise<void> {
  const named = outputs.flatMap(({ output }) => (output.type === 'image' ? output.names : []));
  const tags = [...new Set([...request.tags, ...named])];
  const areHere = images.every(({ isHere }) => isHere);
  const isStored = areHere && isToBeStored(request, outputs, tags);
  if (isStored) await storeImages(images, tags, deps, signal);
  for (const output of outputs) await exportTo(output, images, tags, deps, signal);
  if (!areHere) deps.emit({ type: 'note', text: NOT_KEPT });
}

const NOT_KEPT =
  'Pushed, and not kept here: the registry has layers of the image that were never fetched';

/** An output with `store=false` keeps the image out, whatever its names. */
function isToBeStored(
  request: BuildRequest,
  outputs: readonly RequestedOutput[],
  tags: readonly string[],
): boolean {
  const wanted = outputs.map(({ output }) => output).filter(({ type }) => type !== 'cacheonly');
  if (outputs.length > 0 && wanted.length === 0) return request.tags.length > 0;
  const ofImages = wanted.filter((output) => output.type === 'image');
  if (ofImages.length > 0) return ofImages.some(({ storing }) => storing !== 'never');
  return tags.length > 0 || wanted.length === 0;
}

/** The tags go to the image, or to the index of those of several platforms. */
async function storeImages(
  images: readonly FinishedImage[],
  tags: readonly string[],
  deps: OutputDeps,
  signal: AbortSignal,
): Promise<void> {
  const { store, emit } = deps;
  const storedAt = timeText(deps.now());
  for (const image of images) {
    const { id, layers } = image;
    store.blobs.writeBytes(image.configBytes);
    const stored: StoredImage = { id, layers, manifestDigest: undefined, storedAt };
    await store.images.put(stored, images.length === 1 ? tags : [], signal);
  }
  const digest = resultId(images);
  if (images.length > 1) {
    const index = { id: digest, images: images.map(indexedImage), manifestDigest: undefined };
    await store.images.putIndex({ ...index, storedAt }, tags, signal);
  }
  const layers = images.flatMap((image) => image.layers);
  const bytes = totalBytes(layers, layerBytesIn(store.snapshots));
  for (const destination of tags.length === 0 ? ['image'] : tags.map((tag) => `image ${tag}`)) {
    emit({ type: 'image-written', image: { destination, digest, bytes }, at: deps.elapsed() });
  }
}

/** What the result of a build is known by: the image id, or that of the index of several images. */
export function resultId(images: readonly FinishedImage[]): Digest {
  const [first, ...others] = images;
  if (first === undefined) throw new TypeError('A build has at least one image');
  return others.length === 0 ? first.id : indexIdOf(images.map(indexedImage));
}

async function exportTo(
  { text, output }: RequestedOutput,
  images: readonly FinishedImage[],
  tags: readonly string[],
  deps: OutputDeps,
  signal: AbortSignal,
): Promise<void> {
  const { store, emit } = deps;
  if (output.type === 'cacheonly' || (output.type === 'image' && !output.push)) return;
  const { exportImage } = await import('../export/export-image.ts');
  const task = `export ${text}`;
  emit({ type: 'task-started', task, name: `exporting to ${text}`, at: deps.elapsed() });
  const exportable = images.map((image) => ({
    config: image.config,
    configBytes: image.configBytes,
    platform: image.platform,
    references: tags,
    tree: store.snapshots.tree(image.root),
    clampMtimes: clampMtimesOf(image.layers, store),
    layers: image.isHere ? exportableLayers(image.layers, store) : layersElsewhere(image.layers),
  }));
  const written = await exportImage(
    output,
    exportable,
    {
      blobs: store.blobs,
      root: store.root,
      cwd: deps.cwd,
      stdout: deps.stdout(),
      epoch: deps.epoch,
      push: deps.push,
      note: (note) => emit({ type: 'note', text: note }),
    },
    signal,
  );
  emit({ type: 'task-done', task, at: deps.elapsed(), detail: undefined });
  emit({ type: 'image-written', image: written, at: deps.elapsed() });
}
