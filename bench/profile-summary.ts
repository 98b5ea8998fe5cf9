/** What `node --cpu-prof` writes, as far as it is read here. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  /** Node ids. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    /** From 0. */
    readonly lineNumber: number;
  };
  readonly children?: readonly number[];
}

/** The source file of each line, by the name of the bundle that it is in. */
export type Places = ReadonlyMap<string, readonly string[]>;

/** Time that one place takes in a run, on average. */
export interface PlaceShare {
  readonly place: string;
  readonly ms: number;
}

/**
 * Time by place, most first: a folder of `src/`, with all of Node and the kernel that it calls, or a part of
 * Node that nothing of ours called.
 */
export function shareByPlace(profiles: readonly CpuProfile[], places: Places): PlaceShare[] {
  const total = new Map<string, number>();
  for (const profile of profiles) {
    for (const { stack, us } of samplesOf(profile)) {
      const place = placeOf(stack, places);
      total.set(place, (total.get(place) ?? 0) + us);
    }
  }
  return [...total]
    .map(([place, us]) => ({ place, ms: us / 1000 / profiles.length }))
    .sort((a, b) => b.ms - a.ms);
}

/** `caller;callee 12` a line, in microseconds, of all profiles: the input of programs that draw flame graphs. */
export function foldedStacks(profiles: readonly CpuProfile[], places: Places): string {
  const total = new Map<string, number>();
  for (const profile of profiles) {
    for (const { stack, us } of samplesOf(profile)) {
      const line = stack.map((node) => frameName(node, places)).join(';');
      total.set(line, (total.get(line) ?? 0) + us);
    }
  }
  return [...total].map(([line, us]) => `${line} ${String(us)}\n`).join('');
}

/** Stacks from the outermost call to the innermost. */
function* samplesOf({ nodes, samples, timeDeltas }: CpuProfile): Generator<{
  readonly stack: readonly ProfileNode[];
  readonly us: number;
}> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((c) => [c, id])));
  const stacks = new Map<number, readonly ProfileNode[]>();
  const stackOf = (id: number): readonly ProfileNode[] => {
    const known = stacks.get(id);
    if (known !== undefined) return known;
    const node = byId.get(id);
    const parent = parents.get(id);
    const stack = [...(parent === undefined ? [] : stackOf(parent)), ...(node ? [node] : [])];
    stacks.set(id, stack);
    return stack;
  };
  for (const [index, id] of samples.entries()) {
    yield { stack: stackOf(id), us: timeDeltas[index] ?? 0 };
  }
}

function placeOf(stack: readonly ProfileNode[], places: Places): string {
  const last = stack.at(-1)?.callFrame.functionName ?? '';
  if (last === '(idle)') return 'waiting';
  if (last === '(garbage collector)') return 'garbage collector';
  if (last === '(program)') return 'Node and V8, outside of JavaScript';
  const inner = stack.map((node) => sourceOf(node, places));
  const loads = stack.findLastIndex(({ callFrame }) => callFrame.functionName === 'requireBuiltin');
  const own = inner.findLastIndex((source) => source !== undefined);
  const loaded = stack.findIndex(
    ({ callFrame }) => callFrame.functionName === 'compileForPublicLoader',
  );
  if (loaded > own || loads > own) {
    return own === -1 ? "Node's own start" : "loading Node's modules (crypto, http, net)";
  }
  const source = inner[own];
  if (source === undefined) {
    return stack.some(({ callFrame }) => callFrame.url.endsWith('main.cjs'))
      ? 'loading the compiled program'
      : "Node's own start, and its work between ours";
  }
  return source.replace(/^(src\/[^/]+)\/.*$/, '$1/');
}

function sourceOf({ callFrame }: ProfileNode, places: Places): string | undefined {
  return places.get(fileOf(callFrame.url))?.[callFrame.lineNumber];
}

function fileOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}

function frameName(node: ProfileNode, places: Places): string {
  const { functionName, url } = node.callFrame;
  const where = sourceOf(node, places) ?? fileOf(url);
  return `${functionName === '' ? '(anonymous)' : functionName} ${where}`.replaceAll(';', ',');
}
