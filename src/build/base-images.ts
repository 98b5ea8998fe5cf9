import type { ImageReference } from '../core/image-reference.ts';
import type { Platform } from '../core/platform.ts';
import { layerNotHere } from './errors.ts';
import type { Digest } from '../core/digest.ts';
import { blame } from '../diagnostics/blame.ts';
import type { Emit } from '../events/event.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { Descriptor } from '../image/manifest.ts';
import type { SourceOp } from '../ops/op.ts';
import type { ImageSource } from '../image/image-source.ts';
import { parseReference } from '../image/reference.ts';
import { imageTitle, type BaseKey, type BaseRequest } from '../stages/stage-graph.ts';

/** Where base images may come from. */
export interface BaseImageSources {
  /** Images that were built or loaded here; undefined when it has none of that name. */
  local(reference: string, platform: Platform): BaseImage | undefined;
  /** Loaded when a name has to be resolved: reaching registries is heavy. */
  registry(): Promise<ImageSource>;
  /** An OCI layout directory. */
  layout(path: string): Promise<ImageSource>;
}

/** A tag, and the manifest or index that it stands for. */
export interface ResolvedTag extends Pick<ImageReference, 'registry' | 'repository' | 'tag'> {
  readonly digest: Digest;
}

/** The base images of one build. */
export interface BaseImages {
  /** What has been resolved so far, for `planStages`. */
  readonly resolved: ReadonlyMap<BaseKey, BaseImage>;
  /** Resolves all of them at the same time. Nothing is fetched but manifests and configs. */
  resolve(requests: readonly BaseRequest[], signal: AbortSignal): Promise<void>;
  /** What registries said that tags are: no names with a digest, which stand for themselves. */
  tags(): readonly ResolvedTag[];
  /** The image of a source op of this build. */
  ofOp(op: SourceOp): BaseImage;
  /** True when its layers can be had from a registry or a layout; false for an image of the local store. */
  isFetchable(image: BaseImage): boolean;
  /**
   * The stored bytes of a layer that some base image of this build has.
   * @throws BuildError LAYER_NOT_HERE when none has it
   */
  openBlob(
    blob: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  openLayer(
    image: BaseImage,
    layer: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
}

/** `isPulling` passes over images of the local store, as `--pull` asks. */
export function createBaseImages(
  sources: BaseImageSources,
  isPulling: boolean,
  emit: Emit,
  elapsed: () => number,
): BaseImages {
  const resolved = new Map<BaseKey, BaseImage>();
  const tags: ResolvedTag[] = [];
  const byManifest = new Map<Digest, { image: BaseImage; source: ImageSource | undefined }>();

  async function resolveOne(request: BaseRequest, signal: AbortSignal): Promise<void> {
    const task = `resolve ${request.key}`;
    const name = `[internal] load metadata for ${imageTitle(request)}`;
    emit({ type: 'task-started', task, name, at: elapsed() });
    const found = await find(request, signal).catch((error: unknown) => {
      throw blame(error, request.span, hintFor(request));
    });
    resolved.set(request.key, found.image);
    byManifest.set(found.image.manifestDigest, found);
    emit({ type: 'task-done', task, at: elapsed(), detail: undefined });
    if (request.layout !== undefined || found.source === undefined) return;
    const { name: fullName, rootDigest } = found.image;
    const { registry, repository, tag, digest } = parseReference(fullName);
    if (digest === undefined && rootDigest !== undefined) {
      tags.push({ registry, repository, tag, digest: rootDigest });
    }
  }

  async function find(
    request: BaseRequest,
    signal: AbortSignal,
  ): Promise<{ image: BaseImage; source: ImageSource | undefined }> {
    const { reference, platform, layout } = request;
    if (layout === undefined && !isPulling) {
      const image = sources.local(reference, platform);
      if (image !== undefined) return { image, source: undefined };
    }
    const source = await (layout === undefined ? sources.registry() : sources.layout(layout));
    return { image: await source.resolve(reference, platform, signal), source };
  }

  return {
    resolved,
    async resolve(requests, signal) {
      await Promise.all(requests.map((request) => resolveOne(request, signal)));
    },
    tags: () => tags,
    ofOp(op) {
      const known =
        'manifestDigest' in op.source ? byManifest.get(op.source.manifestDigest) : undefined;
      if (known === undefined) throw new TypeError('An op names an image that was not resolved');
      return known.image;
    },
    isFetchable: (image) => byManifest.get(image.manifestDigest)?.source !== undefined,
    openBlob(blob, offset, signal) {
      for (const { image, source } of byManifest.values()) {
        const layer = image.layers.find(({ digest }) => digest === blob.digest);
        if (layer !== undefined && source !== undefined) {
          return source.openLayer(image, layer, offset, signal);
        }
      }
      throw layerNotHere(blob.digest);
    },
    openLayer(image, layer, offset, signal) {
      const source = byManifest.get(image.manifestDigest)?.source;
      if (source === undefined) {
        throw new TypeError(`The layers of "${image.name}" are in the local store only`);
      }
      return source.openLayer(image, layer, offset, signal);
    },
  };
}

/** A stage whose name was misspelt is looked for as an image. */
function hintFor({ why, similar }: BaseRequest): string | undefined {
  if (similar === undefined) return undefined;
  const what = why === 'base' ? 'FROM' : '--from';
  return `Did you mean the stage "${similar}"? ${what} names no earlier stage, so an image was looked for`;
}
