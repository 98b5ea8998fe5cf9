import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CacheRecord, CacheStore } from '../cache/cache-store.ts';
import type { BuildEvent } from '../events/event.ts';
import type { ExecOp, Op, OpId } from '../ops/op.ts';
import { memoryCacheStore } from '../testing/memory-cache-store.ts';
import { CONTEXT_OP, copyOp, execOp } from '../testing/sample-ops.ts';
import type { Output, SolveDeps } from './solve-deps.ts';
import { Solver } from './solver.ts';

const never = new AbortController().signal;
const id = (index: number): OpId => index as OpId;

const exec = (command: string, root?: number): ExecOp =>
  execOp({ args: [command], root: root === undefined ? undefined : id(root) });

interface WorldOptions {
  readonly noCache?: boolean;
  readonly jobs?: number;
  readonly cache?: CacheStore;
  readonly fetch?: NonNullable<SolveDeps['fetch']>;
  readonly buildId?: string;
  readonly slotsNear?: SolveDeps['slotsNear'];
}

/** A world where a snapshot's content is a text that `make` decides, and a context file is one too. */
function world(make: (op: Op, inputs: ReadonlyMap<OpId, Output>) => string): {
  readonly ran: number[];
  readonly hashed: string[];
  readonly events: BuildEvent[];
  readonly files: Map<string, string>;
  readonly contents: Map<string, string>;
  solver(ops: readonly Op[], options?: WorldOptions): Solver;
} {
  const store = memoryCacheStore();
  const contents = new Map<string, string>();
  const files = new Map<string, string>();
  const ran: number[] = [];
  const hashed: string[] = [];
  const events: BuildEvent[] = [];
  return {
    ran,
    hashed,
    events,
    files,
    contents,
    solver(ops, options = {}) {
      const { noCache = false, jobs = 4, cache = store, fetch, buildId } = options;
      const deps: SolveDeps = {
        cache,
        ...(fetch === undefined ? {} : { fetch }),
        hasSnapshot: (snapshot) => contents.has(snapshot),
        hashFiles(use, input) {
          const path =
            use.kind === 'files' && use.selection.kind === 'copy'
              ? use.selection.action.source
              : use.part;
          hashed.push(path);
          return Promise.resolve(
            input.kind === 'local'
              ? (files.get(path) ?? 'absent')
              : (contents.get(input.id ?? '') ?? 'empty'),
          );
        },
        run(op, inputs) {
          ran.push(op);
          const name = `s${String(contents.size)}`;
          const made = ops[op];
          if (made === undefined) throw new Error(`No op ${String(op)}`);
          contents.set(name, make(made, inputs));
          return Promise.resolve({ output: { kind: 'snapshot', id: name }, bytes: 1 });
        },
        emit: (event) => events.push(event),
        slotOf: (op) => `slot ${String(op)}`,
        slotsNear: options.slotsNear ?? (() => []),
        describe: (_id, _former, changes) => changes,
        buildId,
        jobs,
        now: () => 0,
        elapsed: () => 0,
      };
      const metadata = ops.map((_, i) => ({
        name: `op ${String(i)}`,
        span: undefined,
        stage: undefined,
        ignoresCache: noCache,
      }));
      return new Solver(ops, metadata, deps);
    },
  };
}

const { signal } = new AbortController();
let counter = 0;
const fresh = (): string => `fresh ${String(counter++)}`;

describe('Solver', () => {
  const app = [
    CONTEXT_OP,
    exec('install'),
    copyOp(0, 'src', 1),
    exec('build', 2),
    copyOp(3, '/app'),
  ];

  test('runs each op once, inputs first', async () => {
    const w = world(fresh);
    await w.solver(app).solve(id(4), signal);
    expect(w.ran).toEqual([1, 2, 3, 4]);
  });

  test('runs nothing the second time', async () => {
    const w = world(fresh);
    await w.solver(app).solve(id(4), signal);
    w.ran.length = 0;
    const again = await w.solver(app).solve(id(4), signal);
    expect(w.ran).toEqual([]);
    expect(again.isCached).toBe(true);
  });

  test('takes 20,000 steps on one another, to be run and from the cache', async () => {
    const steps = Array.from({ length: 20_000 }, (_, i) =>
      exec(String(i), i === 0 ? undefined : i - 1),
    );
    const w = world(fresh);
    const last = id(steps.length - 1);
    await w.solver(steps).solve(last, signal);
    expect(w.ran).toHaveLength(steps.length);
    expect((await w.solver(steps).solve(last, signal)).isCached).toBe(true);
    expect(w.ran).toHaveLength(steps.length);
  });

  test('does not run what the wanted op does not need', async () => {
    const w = world(fresh);
    await w.solver([...app, exec('unused')]).solve(id(4), signal);
    expect(w.ran).not.toContain(5);
  });

  test('runs again what reads a changed file, and what builds on it', async () => {
    const w = world(fresh);
    w.files.set('src', 'one');
    await w.solver(app).solve(id(4), signal);
    w.ran.length = 0;
    w.files.set('src', 'two');
    await w.solver(app).solve(id(4), signal);
    expect(w.ran).toEqual([2, 3, 4]);
  });

  test('does not rerun a copy from a stage that was rebuilt to the same files', async () => {
    const w = world((op) => (op.kind === 'exec' ? op.args.join() : 'copied'));
    w.files.set('src', 'one');
    await w.solver(app).solve(id(4), signal);
    w.ran.length = 0;
    w.files.set('src', 'two');
    await w.solver(app).solve(id(4), signal);
    expect(w.ran).toEqual([2, 3]);
  });

  test('finds that copy under its first key the next time, without hashing the stage', async () => {
    const w = world((op) => (op.kind === 'exec' ? op.args.join() : 'copied'));
    w.files.set('src', 'one');
    await w.solver(app).solve(id(4), signal);
    w.files.set('src', 'two');
    await w.solver(app).solve(id(4), signal);
    w.hashed.length = 0;
    await w.solver(app).solve(id(4), signal);
    expect(w.hashed).toEqual(['src']);
  });

  test('needs no input of an op that is cached itself', async () => {
    const w = world(fresh);
    await w.solver(app).solve(id(4), signal);
    w.contents.delete('s2'); // the snapshot of op 3 is gone, that of op 4 is not
    w.ran.length = 0;
    await w.solver(app).solve(id(4), signal);
    expect(w.ran).toEqual([]);
  });

  test('runs an op again when its snapshot is gone', async () => {
    const w = world(fresh);
    await w.solver(app).solve(id(4), signal);
    w.contents.delete('s3');
    w.ran.length = 0;
    await w.solver(app).solve(id(4), signal);
    expect(w.ran).toEqual([4]);
  });

  test('runs everything when told to ignore the cache, and leaves good results behind', async () => {
    const w = world(fresh);
    await w.solver(app).solve(id(4), signal);
    w.ran.length = 0;
    await w.solver(app, { noCache: true }).solve(id(4), signal);
    expect(w.ran).toEqual([1, 2, 3, 4]);
    w.ran.length = 0;
    await w.solver(app).solve(id(4), signal);
    expect(w.ran).toEqual([]);
  });

  test('runs one op once for two concurrent builds', async () => {
    const w = world(fresh);
    await Promise.all([w.solver(app).solve(id(4), signal), w.solver(app).solve(id(4), signal)]);
    expect(w.ran.toSorted()).toEqual([1, 2, 3, 4]);
  });

  test('says which part of the key changed', async () => {
    const w = world(fresh);
    await w.solver([exec('install')]).solve(id(0), signal);
    await w.solver([exec('install --all')]).solve(id(0), signal);
    expect(w.events.filter((event) => event.type === 'op-missed')).toEqual([
      { type: 'op-missed', op: 0, because: { kind: 'never-built' } },
      {
        type: 'op-missed',
        op: 0,
        because: {
          kind: 'changed',
          changes: [{ part: 'command', before: '["install"]', after: '["install --all"]' }],
        },
      },
    ]);
  });

  test('a step is never explained from one that the same build made a moment ago', async () => {
    const w = world(fresh);
    const near = { slotsNear: (op: OpId) => (op > 0 ? [`slot ${String(op - 1)}`] : []) };
    const ops = [exec('a'), exec('b', 0)];
    await w.solver(ops, { ...near, buildId: 'one' }).solve(id(1), signal);
    await w.solver([exec('c')], { ...near, buildId: 'two' }).solve(id(0), signal);
    const reasons = w.events.flatMap((event) =>
      event.type === 'op-missed' ? [event.because.kind] : [],
    );
    expect(reasons).toEqual(['never-built', 'never-built', 'changed']);
  });

  test('keeps a result after what builds on it was started, and before it is done', async () => {
    const order: string[] = [];
    const store = memoryCacheStore();
    const cache: CacheStore = {
      ...store,
      put(record) {
        order.push(`keep ${record.slot}`);
        store.put(record);
      },
    };
    const w = world((op) => {
      order.push(`run ${op.kind === 'exec' ? JSON.stringify(op.args) : ''}`);
      return 'made';
    });
    await w.solver([exec('a'), exec('b', 0)], { cache }).solve(id(1), never);
    expect(order).toEqual(['run ["a"]', 'run ["b"]', 'keep slot 0', 'keep slot 1']);
  });

  test('fails when a result cannot be kept', async () => {
    const cache: CacheStore = {
      ...memoryCacheStore(),
      put() {
        throw new Error('disk full');
      },
    };
    const solving = world(() => 'made').solver([exec('a')], { cache });
    await expect(solving.solve(id(0), never)).rejects.toThrow('disk full');
    await solving.settle();
  });

  test('gives the first failure and starts nothing that builds on it', async () => {
    const w = world((op) => {
      if (op.kind === 'exec') throw new Error('boom');
      return fresh();
    });
    await expect(w.solver(app).solve(id(4), signal)).rejects.toThrow('boom');
    expect(w.ran).toEqual([1]);
  });

  test('runs every op of a random graph at most once and nothing the second time', async () => {
    const graphs = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.boolean()), {
      minLength: 1,
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer({ min: 1, max: 8 }), async (shape, jobs) => {
        const ops: Op[] = [CONTEXT_OP];
        for (const [a, b, isExec] of shape) {
          const n = ops.length;
          ops.push(
            isExec
              ? exec(`run ${String(n)}`, n > 1 ? (a % (n - 1)) + 1 : undefined)
              : copyOp(a % n, '/x', n > 1 ? (b % (n - 1)) + 1 : undefined),
          );
        }
        const w = world(fresh);
        await w.solver(ops, { jobs }).solve(id(ops.length - 1), signal);
        expect(new Set(w.ran).size).toBe(w.ran.length);
        w.ran.length = 0;
        await w.solver(ops, { jobs }).solve(id(ops.length - 1), signal);
        expect(w.ran).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('Solver with results of an imported cache', () => {
  const ops = [exec('a'), exec('b', 0), exec('c', 1)];

  /** Solves `ops` in a world that knows their results from elsewhere, by the keys of another one. */
  async function solveElsewhere(fetched: (name: string) => string | undefined): Promise<{
    ran: number[];
    asked: string[];
    output: Output;
    remote: CacheRecord | undefined;
    askedBefore: string[];
  }> {
    const there = memoryCacheStore();
    const known = world((op) => JSON.stringify(op));
    const recorded: CacheRecord[] = [];
    const put = (record: CacheRecord): void => void (there.put(record), recorded.push(record));
    await known.solver(ops, { cache: { ...there, put } }).solve(id(2), never);
    const here = memoryCacheStore();
    const own = world((op) => JSON.stringify(op));
    const asked: string[] = [];
    const cache: CacheStore = {
      ...here,
      get(key) {
        const record = recorded.find((each) => each.key === key);
        return here.get(key) ?? (record && { ...record, isRemote: true });
      },
    };
    const solver = own.solver(ops, {
      cache,
      fetch(_op, { snapshot = '' }) {
        asked.push(snapshot);
        return Promise.resolve(fetched(snapshot));
      },
    });
    const remote = await solver.remoteRecord(id(2), never);
    const askedBefore = [...asked];
    const { output } = await solver.solve(id(2), never);
    return { ran: own.ran, asked, output, remote, askedBefore };
  }

  test('tells which results are elsewhere, and fetches nothing for that', async () => {
    const { remote, askedBefore, asked } = await solveElsewhere((name) => name);
    expect(remote?.snapshot).toBe(asked[0]);
    expect(askedBefore).toEqual([]);
  });

  test('fetches what is wanted, and nothing of the steps below', async () => {
    const { ran, asked, output } = await solveElsewhere((name) => `fetched-${name}`);
    expect(ran).toEqual([]);
    expect(asked).toHaveLength(1);
    expect(output).toEqual({ kind: 'snapshot', id: `fetched-${asked[0] ?? ''}` });
  });

  test('runs the step whose files are gone, on what can be fetched', async () => {
    let calls = 0;
    const { ran, asked } = await solveElsewhere((name) => (calls++ === 0 ? undefined : name));
    expect(ran).toEqual([2]);
    expect(asked).toHaveLength(2);
  });
});
