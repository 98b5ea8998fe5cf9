import { describe, expect, test } from 'vitest';
import type { OpGraph } from '../ops/op-graph.ts';
import type { ExecOp, OpId, OpMetadata } from '../ops/op.ts';
import type { Runnable } from '../sandbox/emulation/foreign-programs.ts';
import type { SolveDeps } from '../solve/solve-deps.ts';
import { Solver } from '../solve/solver.ts';
import { memoryCacheStore } from '../testing/memory-cache-store.ts';
import { execOp } from '../testing/sample-ops.ts';
import { checkPlatforms } from './check-platforms.ts';

const SIGNAL = new AbortController().signal;
const IMPOSSIBLE: Runnable = { kind: 'impossible', reason: 'no way', remedy: 'Do it' };

function exec(architecture: string): ExecOp {
  return execOp({ platform: { os: 'linux', architecture } });
}

function world(op: ExecOp): { readonly graph: OpGraph; readonly openSolver: () => Solver } {
  const cache = memoryCacheStore();
  const metadata: OpMetadata[] = [
    { name: 'RUN true', span: undefined, stage: undefined, ignoresCache: false },
  ];
  const deps: SolveDeps = {
    cache,
    hasSnapshot: () => true,
    hashFiles: () => Promise.resolve(''),
    run: () => Promise.resolve({ output: { kind: 'snapshot', id: 's' }, bytes: 0 }),
    emit: () => undefined,
    slotOf: String,
    slotsNear: () => [],
    describe: (_id, _former, changes) => changes,
    buildId: undefined,
    jobs: 1,
    now: () => 0,
    elapsed: () => 0,
  };
  const target = {
    platform: op.platform,
    root: 0 as OpId,
    config: {
      architecture: op.platform.architecture,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers' as const, diff_ids: [] },
      history: [],
    },
    layers: [],
    baseHistory: 0,
    base: undefined,
  };
  const graph: OpGraph = { ops: [op], metadata, targets: [target], stages: [] };
  return { graph, openSolver: () => new Solver([op], metadata, deps) };
}

function check(graph: OpGraph, openSolver: () => Solver, runnable: Runnable): Promise<string[]> {
  const asked: string[] = [];
  const host = {
    arch: 'x64',
    findRunnable: ({ architecture }: { readonly architecture: string }) => {
      asked.push(architecture);
      return Promise.resolve(runnable);
    },
  };
  return checkPlatforms(graph, host, openSolver, SIGNAL).then(() => asked);
}

describe('checkPlatforms()', () => {
  test('asks nothing about the platform of this host', async () => {
    const { graph, openSolver } = world(exec('amd64'));
    expect(await check(graph, openSolver, IMPOSSIBLE)).toEqual([]);
  });

  test('lets pass what can be emulated', async () => {
    const { graph, openSolver } = world(exec('arm64'));
    expect(await check(graph, openSolver, { kind: 'emulated', emulator: '/q' })).toEqual(['arm64']);
  });

  test('refuses a step that would have to run, with the remedy', async () => {
    const { graph, openSolver } = world(exec('arm64'));
    await expect(check(graph, openSolver, IMPOSSIBLE)).rejects.toMatchObject({
      code: 'PLATFORM_NOT_RUNNABLE',
      class: 'host',
      message: 'Cannot run programs for linux/arm64: no way',
      hint: 'Do it',
    });
  });

  test('lets pass a step whose result is there', async () => {
    const { graph, openSolver } = world(exec('arm64'));
    await openSolver().solve(0 as OpId, SIGNAL);
    expect(await check(graph, openSolver, IMPOSSIBLE)).toEqual(['arm64']);
  });
});
