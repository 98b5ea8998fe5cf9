import { describe, expect, test } from 'vitest';
import type { OpGraph } from '../ops/op-graph.ts';
import type { Op, OpId, OpMetadata } from '../ops/op.ts';
import type { SolveDeps } from '../solve/solve-deps.ts';
import { Solver } from '../solve/solver.ts';
import { memoryCacheStore } from '../testing/memory-cache-store.ts';
import { CONTEXT_OP, copyOp } from '../testing/sample-ops.ts';
import { foreseeOps } from './foresee-ops.ts';

const id = (index: number): OpId => index as OpId;
const SIGNAL = new AbortController().signal;
const PLATFORM = { os: 'linux', architecture: 'amd64' };

/** Files of the context are texts; every other file never changes. */
function world(): {
  readonly files: Map<string, string>;
  readonly build: (ops: readonly Op[], root: number) => Promise<void>;
  readonly foresee: (
    ops: readonly Op[],
    root: number,
    noCache?: boolean,
  ) => Promise<readonly string[]>;
} {
  const cache = memoryCacheStore();
  const files = new Map<string, string>();
  const deps: SolveDeps = {
    cache,
    hasSnapshot: () => true,
    hashFiles: (use, input) => {
      const path =
        use.kind === 'files' && use.selection.kind === 'copy' ? use.selection.action.source : '';
      return Promise.resolve(input.kind === 'local' ? (files.get(path) ?? '') : path);
    },
    run: (op) => Promise.resolve({ output: { kind: 'snapshot', id: `s${String(op)}` }, bytes: 0 }),
    emit: () => undefined,
    slotOf: (op) => String(op),
    slotsNear: () => [],
    describe: (_id, _former, changes) => changes,
    buildId: undefined,
    jobs: 1,
    now: () => 0,
    elapsed: () => 0,
  };
  const solver = (ops: readonly Op[], ignoresCache: boolean): Solver => {
    const metadata = ops.map((_, i): OpMetadata => ({
      name: String(i),
      span: undefined,
      stage: undefined,
      ignoresCache,
    }));
    return new Solver(ops, metadata, deps);
  };
  return {
    files,
    async build(ops, root) {
      await solver(ops, false).solve(id(root), SIGNAL);
    },
    async foresee(ops, root, noCache = false) {
      const graph = graphOf(ops, root);
      const forecasts = await foreseeOps(graph, solver(ops, noCache), SIGNAL);
      return forecasts.map((forecast) => {
        const needed = forecast.isNeeded ? '' : ' (not needed)';
        if (forecast.kind === 'unknown') return `unknown, waits for ${forecast.waitsFor.join()}`;
        if (forecast.kind === 'cached') return `cached${needed}`;
        return `runs: ${forecast.because.kind}${needed}`;
      });
    },
  };
}

function graphOf(ops: readonly Op[], root: number): OpGraph {
  const config = { os: 'linux', architecture: 'amd64', config: {}, history: [] };
  const target = {
    platform: PLATFORM,
    root: id(root),
    config: { ...config, rootfs: { type: 'layers' as const, diff_ids: [] } },
    layers: [],
    baseHistory: 0,
    base: undefined,
  };
  return { ops, metadata: [], targets: [target], stages: [] };
}

describe('foreseeOps()', () => {
  // A stage of two steps, and a stage that copies from it.
  const ops = [CONTEXT_OP, copyOp(0, 'a'), copyOp(0, 'b', 1), copyOp(2, 'x')];

  test('before the first build, steps run and what reads their files is unknown', async () => {
    expect(await world().foresee(ops, 3)).toEqual([
      'cached',
      'runs: never-built',
      'runs: never-built',
      'unknown, waits for 2',
    ]);
  });

  test('after a build everything is cached, and only the target is asked for', async () => {
    const { build, foresee } = world();
    await build(ops, 3);
    expect(await foresee(ops, 3)).toEqual([
      'cached (not needed)',
      'cached (not needed)',
      'cached (not needed)',
      'cached',
    ]);
  });

  test('a changed file makes its step and those above it run', async () => {
    const { files, build, foresee } = world();
    await build(ops, 3);
    files.set('b', 'changed');
    expect(await foresee(ops, 3)).toEqual([
      'cached',
      'cached',
      'runs: changed',
      'unknown, waits for 2',
    ]);
  });

  test('what stands on a step that is unknown is unknown too', async () => {
    const { foresee } = world();
    const above = [...ops, copyOp(0, 'c', 3)];
    expect((await foresee(above, 4)).at(-1)).toBe('unknown, waits for 3');
  });

  test('without a cache everything runs, whatever its inputs are', async () => {
    const { build, foresee } = world();
    await build(ops, 3);
    expect(await foresee(ops, 3, true)).toEqual([
      'cached',
      'runs: no-cache',
      'runs: no-cache',
      'runs: no-cache',
    ]);
  });
});
