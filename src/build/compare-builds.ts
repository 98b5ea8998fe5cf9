import { bytesToText } from '../core/bytes.ts';
import { canonicalJson, type Json } from '../core/canonical-json.ts';
import { formatPlatform } from '../core/platform.ts';
import { lineAndColumn } from '../diagnostics/render.ts';
import type { Span } from '../diagnostics/source.ts';
import type { BuildDifference, FileDifference } from '../events/event.ts';
import { compareLayers, type LayerDifference } from '../layer/compare-layers.ts';
import type { ImageConfig } from '../image/config.ts';
import { serializeConfig } from '../image/serialize.ts';
import type { OpGraph, TargetImage } from '../ops/op-graph.ts';
import type { OpId, Source } from '../ops/op.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { FinishedImage } from './finish-image.ts';
import type { Store } from './open-store.ts';
import type { SolvedGraph } from './solve-graph.ts';
import { traceDifference, type StepResults, type TraceDeps } from './trace-difference.ts';

/** What a build made, step by step. */
export interface MadeBuild {
  readonly graph: OpGraph;
  readonly solved: SolvedGraph;
  /** One for each target of the graph. */
  readonly images: readonly FinishedImage[];
}

/** A difference, and the instruction to blame. */
export interface FoundDifference {
  readonly difference: BuildDifference;
  readonly span: Span | undefined;
}

/** Where both builds have their files, and how times are kept. */
export interface CompareDeps {
  readonly store: Pick<Store, 'snapshots'>;
  /** Seconds since 1970 that times were clamped to. */
  readonly epoch: number | undefined;
}

/**
 * The first thing that two builds of one request differ in; undefined when they gave the same images. A
 * source that changed goes before all else, and times go last: they count only where nothing else does.
 */
export async function compareBuilds(
  first: MadeBuild,
  second: MadeBuild,
  deps: CompareDeps,
  signal: AbortSignal,
): Promise<FoundDifference | undefined> {
  const source = compareSources(first, second);
  if (source !== undefined) return source;
  let timeOnly: FoundDifference | undefined;
  for (const [index, target] of first.graph.targets.entries()) {
    const [one, other] = [first.images[index], second.images[index]];
    if (one === undefined || other === undefined) continue;
    const found = await compareImages({ target, one, other }, first, second, deps, signal);
    if (found !== undefined && !found.difference.isTimeOnly) return found;
    timeOnly ??= found;
  }
  return timeOnly;
}

/** Two makings of one image. */
interface ImagePair {
  readonly target: TargetImage;
  readonly one: FinishedImage;
  readonly other: FinishedImage;
}

async function compareImages(
  { target, one, other }: ImagePair,
  first: MadeBuild,
  second: MadeBuild,
  deps: CompareDeps,
  signal: AbortSignal,
): Promise<FoundDifference | undefined> {
  const trace = traceDeps(first, second, deps);
  const platform = formatPlatform(target.platform);
  let timeOnly: FoundDifference | undefined;
  const baseLayers = one.layers.length - target.layers.length;
  for (const [index, layer] of one.layers.entries()) {
    const twin = other.layers[index];
    const op = target.layers[index - baseLayers];
    if (twin === undefined || op === undefined || layer.diffId === twin.diffId) continue;
    const [dir, twinDir] = [dirOf(layer.snapshot, deps), dirOf(twin.snapshot, deps)];
    if (dir === undefined || twinDir === undefined) continue;
    const all = await compareLayers(dir, twinDir, deps.epoch, signal);
    const grave = all.find(({ difference }) => difference.aspect !== 'time');
    if (grave !== undefined) return traced(op, grave, all.length - 1, platform, trace, signal);
    const [early] = all;
    if (early === undefined) continue;
    timeOnly ??= described(first.graph, platform, op, early, all.length - 1);
  }
  return timeOnly ?? compareConfigs(one, other, platform);
}

function dirOf(id: string | undefined, { store }: CompareDeps): string | undefined {
  return id === undefined ? undefined : store.snapshots.get(id as SnapshotId)?.dir;
}

async function traced(
  op: OpId,
  found: LayerDifference,
  others: number,
  platform: string,
  deps: TraceDeps,
  signal: AbortSignal,
): Promise<FoundDifference> {
  const { op: maker, earlier } = await traceDifference(op, found, deps, signal);
  const { difference, span } = described(deps.graph, platform, maker, found, others);
  const before = earlier && {
    step: nameOf(deps.graph, earlier.op),
    path: bytesToText(earlier.path),
  };
  return { difference: { ...difference, earlier: before }, span };
}

function described(
  graph: OpGraph,
  platform: string,
  op: OpId,
  { path, difference }: LayerDifference,
  others: number,
): FoundDifference {
  const span = graph.metadata[op]?.span;
  return {
    difference: {
      platform,
      path: bytesToText(path),
      difference,
      step: nameOf(graph, op),
      place: placeOf(span),
      earlier: undefined,
      others,
      isTimeOnly: difference.aspect === 'time',
    },
    span,
  };
}

function nameOf(graph: OpGraph, op: OpId): string {
  return graph.metadata[op]?.name ?? `op ${String(op)}`;
}

function placeOf(span: Span | undefined): BuildDifference['place'] {
  if (span === undefined) return undefined;
  return { file: span.file.path, line: lineAndColumn(span.file.text, span.start).line };
}

function traceDeps(first: MadeBuild, second: MadeBuild, deps: CompareDeps): TraceDeps {
  const snapshotOf = (build: MadeBuild, op: OpId) => {
    const output = build.solved.get(op)?.output;
    if (output?.kind !== 'snapshot' || output.id === undefined) return undefined;
    return deps.store.snapshots.get(output.id as SnapshotId);
  };
  return {
    graph: first.graph,
    epoch: deps.epoch,
    resultsOf(op): StepResults | undefined {
      const [one, other] = [snapshotOf(first, op), snapshotOf(second, op)];
      // Layers of base images are the same files in both.
      if (one === undefined || other === undefined || one.id === other.id) return undefined;
      return { first: one, second: other };
    },
  };
}

/** Base images, URLs and repositories: what they stood for, in each build. */
function compareSources(first: MadeBuild, second: MadeBuild): FoundDifference | undefined {
  const { ops } = first.graph;
  for (const [index, op] of ops.entries()) {
    const other = second.graph.ops[index];
    if (op.kind !== 'source') continue;
    const before = sourceState(op.source);
    const after = other?.kind === 'source' ? sourceState(other.source) : 'nothing';
    if (before === after) continue;
    const id = index as OpId;
    const span = first.graph.metadata[id]?.span;
    const platform = op.platform === undefined ? '' : formatPlatform(op.platform);
    const difference: FileDifference = { aspect: 'source', first: before, second: after };
    return { difference: withoutFile(difference, platform, nameOf(first.graph, id), span), span };
  }
  return undefined;
}

function sourceState(source: Source): string {
  switch (source.type) {
    case 'image':
    case 'oci-layout':
      return source.manifestDigest;
    case 'http':
      return source.pin?.digest ?? '';
    case 'git':
      return source.pin?.commit ?? '';
    case 'local':
      return '';
    default:
      return source satisfies never;
  }
}

function withoutFile(
  difference: FileDifference,
  platform: string,
  step: string | undefined,
  span: Span | undefined,
): BuildDifference {
  const isTimeOnly = difference.aspect === 'time';
  const place = placeOf(span);
  return { path: undefined, ...{ platform, difference, step, place, isTimeOnly }, ...NO_OTHERS };
}

const NO_OTHERS = { earlier: undefined, others: 0 };

/** The results for other builds in a config name snapshots, which are random: they do not count. */
function compareConfigs(
  one: FinishedImage,
  other: FinishedImage,
  platform: string,
): FoundDifference | undefined {
  const [a, b] = [one, other].map(({ config }) => asJson({ ...config, inlineCache: undefined }));
  const part = firstDifferingPart(a, b, '');
  if (part === undefined) return undefined;
  const aspect = part.name.endsWith('created') ? 'time' : 'config';
  return {
    difference: withoutFile({ aspect, ...part }, platform, undefined, undefined),
    span: undefined,
  };
}

/** As it is written. */
function asJson(config: ImageConfig): Json {
  return JSON.parse(serializeConfig(config).toString()) as Json;
}

/** Times go last: `created` and those of the history differ in any two builds that do not fix them. */
function firstDifferingPart(
  a: Json | undefined,
  b: Json | undefined,
  name: string,
): { readonly name: string; readonly first: string; readonly second: string } | undefined {
  const [first, second] = [shown(a), shown(b)];
  if (first === second) return undefined;
  if (!isNested(a) || !isNested(b)) return { name, first, second };
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const parts = keys.flatMap(
    (key) => firstDifferingPart(a[key], b[key], name === '' ? key : `${name}.${key}`) ?? [],
  );
  return parts.find((part) => !part.name.endsWith('created')) ?? parts[0];
}

function isNested(value: Json | undefined): value is Readonly<Record<string, Json | undefined>> {
  return typeof value === 'object' && value !== null;
}

function shown(value: Json | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : canonicalJson(value);
}
