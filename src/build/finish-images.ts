import type { Emit } from '../events/event.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { OpGraph, TargetImage } from '../ops/op-graph.ts';
import { fetchBaseBlobs, missingBaseBlobs } from './base-blobs.ts';
import type { BaseImages } from './base-images.ts';
import type { BuildCaches } from './build-caches.ts';
import { finishImage, type FinishDeps, type FinishedImage } from './finish-image.ts';
import type { Store } from './open-store.ts';
import type { SolvedBuild } from './solve-graph.ts';
import type { RequestedOutput } from './write-outputs.ts';

/** Layers of base images that are here stay. Missing ones are fetched at the end, if an image has them. */
export function holdBaseBlobs(graph: OpGraph, bases: BaseImages, store: Store): void {
  for (const target of graph.targets) {
    const base = baseOf(target, graph, bases);
    if (base !== undefined) missingBaseBlobs(base, store);
  }
}

/** Types of outputs that have no layers. */
const FILES_ONLY: ReadonlySet<string> = new Set(['local', 'tar', 'cacheonly']);

/** Whether an output has the layers, and not their files alone. */
function hasLayers(outputs: readonly RequestedOutput[]): boolean {
  return outputs.length === 0 || outputs.some(({ output: { type } }) => !FILES_ONLY.has(type));
}

/** What making images of results needs. */
export interface Finishing extends FinishDeps {
  readonly graph: OpGraph;
  readonly bases: BaseImages;
  readonly caches: BuildCaches;
  /** Seconds since 1970. */
  readonly epoch: number | undefined;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly outputs: readonly RequestedOutput[];
  readonly emit: Emit;
}

/** The image that a target begins with; undefined for scratch. */
function baseOf({ base }: TargetImage, graph: OpGraph, bases: BaseImages): BaseImage | undefined {
  const op = base === undefined ? undefined : graph.ops[base];
  return op?.kind === 'source' ? bases.ofOp(op) : undefined;
}

/** The image of each target. */
export async function finishImages(
  build: SolvedBuild,
  finishing: Finishing,
  signal: AbortSignal,
): Promise<FinishedImage[]> {
  const { graph, bases, store, caches, epoch, startedAt, emit } = finishing;
  const images: FinishedImage[] = [];
  for (const target of graph.targets) {
    const baseImage = baseOf(target, graph, bases);
    const image = await finishImage(target, baseImage, build, finishing, epoch, startedAt, signal);
    if (baseImage !== undefined && image.isHere && hasLayers(finishing.outputs)) {
      const needed = new Set(image.layers.flatMap(({ blob }) => blob?.digest ?? []));
      const openLayer: typeof bases.openLayer = (...layer) => bases.openLayer(...layer);
      const note = (text: string): void => emit({ type: 'note', text });
      await fetchBaseBlobs(baseImage, needed, { store, openLayer, note }, signal);
    }
    images.push(caches.withInline(image, build.records));
  }
  return images;
}
