import { setImmediate } from 'node:timers/promises';
import { hashKeyParts, type CacheKey, type KeyParts } from '../cache/cache-key.ts';
import type { CacheRecord } from '../cache/cache-store.ts';
import { inputParts, inputUses, type InputUse } from '../cache/input-parts.ts';
import { missReason } from '../cache/miss-reason.ts';
import { opParts } from '../cache/op-parts.ts';
import { DisposeStack } from '../core/dispose-stack.ts';
import { timeText } from '../core/time-text.ts';
import { blame } from '../diagnostics/blame.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { MissReason } from '../events/event.ts';
import { inputsOf, type Op, type OpId, type OpMetadata } from '../ops/op.ts';
import {
  finished,
  finishedBy,
  outputOfRecord,
  recordsFor,
  type Finished,
  type Keys,
  type ResultFacts,
} from './results.ts';
import type { Output, RunResult, SolveDeps, SolvedOp } from './solve-deps.ts';
import { createSlots, type Slots } from './slots.ts';

interface Probe {
  /** Names the op for those that build on it, as far as is known without running it. */
  readonly key: CacheKey;
  readonly hit: CacheRecord | undefined;
  /** What the keys are made of, by content as far as that is known. */
  readonly keys: Keys;
}

/**
 * Solves one graph. Ops shared by several calls are probed, hashed and run once.
 *
 * In: an op graph, a cache, and a function that runs one op. Out: a result for each wanted op.
 *
 *   probe(op)   what is its key, and is there a result? Runs nothing, but hashes context files.
 *   finish(op)  the result: from the cache, or by finishing the inputs and running the op.
 *
 * An op runs only when its result is not in the cache, and its inputs are finished only then. There
 * are two keys. The first names the inputs by their own keys. The second names them by the hash of
 * the files that are read, so a rebuilt stage with the same bytes does not rerun what copies from it.
 * No file or process is touched here.
 */
export class Solver {
  readonly #ops: readonly Op[];
  readonly #metadata: readonly OpMetadata[];
  readonly #deps: SolveDeps;
  readonly #slots: Slots;
  readonly #probes = new Map<OpId, Promise<Probe>>();
  readonly #results = new Map<OpId, Promise<Finished>>();
  readonly #hashes = new Map<string, Promise<string>>();
  readonly #records = new Map<OpId, CacheRecord>();
  /** Results that are being kept. */
  readonly #writes: Promise<void>[] = [];
  /** Names of imported results that turned out not to be there. */
  readonly #lost = new Set<string>();

  /** `metadata` has the index of `ops`. */
  constructor(ops: readonly Op[], metadata: readonly OpMetadata[], deps: SolveDeps) {
    this.#ops = ops;
    this.#metadata = metadata;
    this.#deps = deps;
    this.#slots = createSlots(deps.jobs);
  }

  /** Finishes one op and everything it needs. Rejects with the first failure of any of them. */
  async solve(id: OpId, signal: AbortSignal): Promise<SolvedOp> {
    const solved = await this.#finish(id, signal);
    await Promise.all(this.#writes);
    return solved;
  }

  /** The cached result of an op, or undefined when it would have to run. Runs nothing. */
  async peek(id: OpId, signal: AbortSignal): Promise<SolvedOp | undefined> {
    const { hit } = await this.#probe(id, signal);
    return hit === undefined || hit.isRemote === true ? undefined : finishedBy(hit);
  }

  /**
   * The record of an op whose result is in an imported cache, and was not fetched; undefined for all others.
   * Runs nothing.
   */
  async remoteRecord(id: OpId, signal: AbortSignal): Promise<CacheRecord | undefined> {
    const { hit } = await this.#probe(id, signal);
    return hit?.isRemote === true ? hit : undefined;
  }

  /** The record of an op's result, as far as one was found or made; it may be one of an imported cache. */
  recordOf(id: OpId): CacheRecord | undefined {
    return this.#records.get(id);
  }

  /** Why an op has no cached result, as far as is known without running anything; undefined when it has one. */
  async missOf(id: OpId, signal: AbortSignal): Promise<MissReason | undefined> {
    const { hit, keys } = await this.#probe(id, signal);
    return hit === undefined ? this.#missReason(id, keys.second ?? keys.first) : undefined;
  }

  /** The result of an op that was finished by now, wanted or needed. */
  async known(id: OpId): Promise<SolvedOp | undefined> {
    return this.#results.get(id);
  }

  /** Resolves when nothing runs any more, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.#probes.values(), ...this.#results.values()]);
    await Promise.allSettled(this.#writes);
  }

  #probe(id: OpId, signal: AbortSignal): Promise<Probe> {
    return once(this.#probes, id, () => this.#probeNow(id, signal));
  }

  async #probeNow(id: OpId, signal: AbortSignal): Promise<Probe> {
    await NEXT_TURN;
    const op = this.#op(id);
    const inputs = new Map<OpId, Probe>();
    await Promise.all(
      inputsOf(op).map(async (input) => inputs.set(input, await this.#probe(input, signal))),
    );
    signal.throwIfAborted();
    const keyOf = (input: OpId): CacheKey => required(inputs.get(input)).key;
    const outputOf = (input: OpId): Output | undefined =>
      this.#localOutput(input) ?? outputOfRecord(inputs.get(input)?.hit);
    const { first, second, hit } = await this.#find(id, keyOf, outputOf, signal);
    if (hit !== undefined) this.#emitCached(id, hit);
    return { key: hit?.resultKey ?? hashKeyParts(first), hit, keys: { first, second } };
  }

  #finish(id: OpId, signal: AbortSignal): Promise<Finished> {
    return once(this.#results, id, () => this.#finishNow(id, signal));
  }

  async #finishNow(id: OpId, signal: AbortSignal): Promise<Finished> {
    await NEXT_TURN;
    const { hit, key, keys } = await this.#probe(id, signal);
    const local = this.#localOutput(id);
    if (local !== undefined) return finished(local, key, this.#deps.now());
    const taken = await this.#take(id, hit, keys, signal);
    if (taken !== undefined) return taken;

    const inputs = new Map<OpId, Finished>();
    await Promise.all(
      inputsOf(this.#op(id)).map(async (input) =>
        inputs.set(input, await this.#finish(input, signal)),
      ),
    );
    signal.throwIfAborted();
    const keyOf = (input: OpId): CacheKey => required(inputs.get(input)).resultKey;
    const outputOf = (input: OpId): Output | undefined => inputs.get(input)?.output;
    const found = await this.#find(id, keyOf, outputOf, signal);
    const takenByContent = await this.#take(id, found.hit, found, signal);
    if (takenByContent === undefined) return this.#runLocked(id, found, inputs, signal);
    if (found.hit !== undefined) this.#emitCached(id, found.hit);
    return takenByContent;
  }

  /** The result that a record stands for; one of an imported cache is fetched, and is then like others. */
  async #take(
    id: OpId,
    hit: CacheRecord | undefined,
    keys: Keys,
    signal: AbortSignal,
  ): Promise<Finished | undefined> {
    if (hit?.isRemote !== true) return hit === undefined ? undefined : finishedBy(hit);
    const snapshot = await this.#deps.fetch?.(id, hit, signal);
    if (snapshot === undefined) {
      this.#lost.add(hit.snapshot ?? '');
      this.#records.delete(id);
      return undefined;
    }
    const slot = this.#deps.slotOf(id);
    return this.#put(id, keys, { ...hit, snapshot, slot, isRemote: undefined });
  }

  async #runLocked(
    id: OpId,
    keys: Keys,
    inputs: ReadonlyMap<OpId, Finished>,
    signal: AbortSignal,
  ): Promise<Finished> {
    const parts = keys.second ?? keys.first;
    await using held = new DisposeStack();
    // Another build of the same step may be running: wait for it and take what it made.
    held.use(await this.#deps.cache.lock(hashKeyParts(parts), signal));
    const made = this.#lookup(id, parts);
    if (made !== undefined) {
      this.#emitCached(id, made);
      return finishedBy(made);
    }
    await using _slot = await this.#slots.take(signal);
    this.#deps.emit({ type: 'op-missed', op: id, because: this.#missReason(id, parts) });
    const began = this.#deps.now();
    const result = await this.#run(id, inputs, signal);
    const durationMs = this.#deps.now() - began;
    const facts = this.#factsOf(id, keys, result, durationMs);
    const written = this.#writeLater(id, keys, facts, held.move());
    // Whoever waits for all of it is told.
    written.catch(() => undefined);
    this.#writes.push(written);
    return { ...finishedBy(facts), durationMs, isCached: false };
  }

  async #run(
    id: OpId,
    inputs: ReadonlyMap<OpId, Finished>,
    signal: AbortSignal,
  ): Promise<RunResult> {
    const { emit } = this.#deps;
    emit({ type: 'op-started', op: id, at: this.#deps.elapsed() });
    try {
      const outputs = new Map([...inputs].map(([input, { output }]) => [input, output]));
      const result = await this.#deps.run(id, outputs, signal);
      emit({ type: 'op-done', op: id, at: this.#deps.elapsed(), bytes: result.bytes });
      return result;
    } catch (thrown) {
      const error = this.#blame(id, thrown);
      if (error instanceof BuildError) {
        emit({ type: 'op-failed', op: id, error, at: this.#deps.elapsed() });
      }
      throw error;
    }
  }

  /**
   * Keeps a result, under its lock, on the next turn of the event loop. By then the next step has been started,
   * so that it does not wait for this.
   */
  async #writeLater(
    id: OpId,
    keys: Keys,
    facts: ResultFacts,
    lock: AsyncDisposable,
  ): Promise<void> {
    await using _lock = lock;
    this.#records.set(id, recordsFor(keys, facts)[0]);
    await setImmediate();
    this.#put(id, keys, facts);
  }

  #factsOf(id: OpId, keys: Keys, result: RunResult, durationMs: number): ResultFacts {
    const { output, bytes } = result;
    if (output.kind === 'local') throw new TypeError('Only a source op has a local output');
    const parts = keys.second ?? keys.first;
    const key = hashKeyParts(parts);
    // A result made in spite of the cache must not stand for the one that was there before.
    const resultKey = this.#ignoresCache(id) ? hashKeyParts({ key, made: output.id ?? '' }) : key;
    const createdAt = timeText(this.#deps.now());
    const slot = this.#deps.slotOf(id);
    const about = { slot, name: this.#metadata[id]?.name, build: this.#deps.buildId };
    return { ...about, resultKey, snapshot: output.id, createdAt, durationMs, bytes };
  }

  /** Keeps a result under its keys. */
  #put(id: OpId, keys: Keys, facts: ResultFacts): Finished {
    const records = recordsFor(keys, facts);
    for (const record of records) this.#deps.cache.put(record);
    this.#records.set(id, records[0]);
    return finishedBy(facts);
  }

  /** Looks under both keys. A result found by content is put under the first key as well. */
  async #find(
    id: OpId,
    keyOf: (input: OpId) => CacheKey,
    outputOf: (input: OpId) => Output | undefined,
    signal: AbortSignal,
  ): Promise<Keys & { readonly hit: CacheRecord | undefined }> {
    const uses = inputUses(this.#op(id));
    const first = await this.#parts(id, keyOf, (input) => this.#localOutput(input), signal);
    const hit = this.#note(id, this.#lookup(id, first));
    const files = uses.filter((use) => use.kind === 'files');
    const hasSecond =
      files.some((use) => this.#localOutput(use.from) === undefined) &&
      files.every((use) => outputOf(use.from) !== undefined);
    if (hit !== undefined || !hasSecond) return { first, second: undefined, hit };

    const second = await this.#parts(id, keyOf, outputOf, signal);
    const byContent = this.#lookup(id, second);
    if (byContent === undefined) return { first, second, hit: undefined };
    const slot = this.#deps.slotOf(id);
    const contentKey = byContent.key;
    const record = { ...byContent, key: hashKeyParts(first), parts: first, slot, contentKey };
    if (record.isRemote !== true) this.#deps.cache.put(record);
    return { first, second, hit: this.#note(id, record) };
  }

  #note(id: OpId, hit: CacheRecord | undefined): CacheRecord | undefined {
    if (hit !== undefined) this.#records.set(id, hit);
    return hit;
  }

  /** Key parts by content where `outputOf` knows the input, by the input's own key elsewhere. */
  async #parts(
    id: OpId,
    keyOf: (input: OpId) => CacheKey,
    outputOf: (input: OpId) => Output | undefined,
    signal: AbortSignal,
  ): Promise<KeyParts> {
    const op = this.#op(id);
    const uses = inputUses(op);
    const content = new Map<InputUse, string>();
    for (const use of uses) {
      const output = use.kind === 'files' ? outputOf(use.from) : undefined;
      if (output === undefined) continue;
      try {
        content.set(use, await this.#hash(use, output, signal));
      } catch (error) {
        throw this.#blame(id, error);
      }
    }
    return { ...opParts(op), ...inputParts(uses, keyOf, (use) => content.get(use)) };
  }

  /** An error of a step names the instruction, whoever throws it. */
  #blame(id: OpId, error: unknown): unknown {
    return blame(error, this.#metadata[id]?.span);
  }

  #missReason(id: OpId, parts: KeyParts): MissReason {
    if (this.#ignoresCache(id)) return { kind: 'no-cache' };
    const deps = this.#deps;
    // What this build itself made a moment ago explains nothing.
    const isFormer = ({ build }: CacheRecord): boolean =>
      deps.buildId === undefined || build !== deps.buildId;
    const slots = [deps.slotOf(id), ...deps.slotsNear(id)];
    const places = slots.map((slot) => () => deps.cache.recent(slot).filter(isFormer));
    const found = missReason(places, parts);
    if (found.kind !== 'changed') return { kind: found.kind };
    return { kind: 'changed', changes: deps.describe(id, found.former, found.changes) };
  }

  #hash(use: InputUse, input: Output, signal: AbortSignal): Promise<string> {
    const from = input.kind === 'local' ? `local ${input.name}` : `snapshot ${input.id ?? ''}`;
    const what = JSON.stringify(use.kind === 'files' ? use.selection : null);
    return once(this.#hashes, `${from}\0${what}`, () => this.#deps.hashFiles(use, input, signal));
  }

  #lookup(id: OpId, parts: KeyParts): CacheRecord | undefined {
    if (this.#ignoresCache(id)) return undefined;
    const record = this.#deps.cache.get(hashKeyParts(parts));
    if (record?.snapshot === undefined) return record;
    if (record.isRemote === true) return this.#lost.has(record.snapshot) ? undefined : record;
    return this.#deps.hasSnapshot(record.snapshot) ? record : undefined;
  }

  #op(id: OpId): Op {
    const op = this.#ops[id];
    if (op === undefined) {
      throw new RangeError(`No op ${String(id)} in a graph of ${this.#ops.length}`);
    }
    return op;
  }

  #localOutput(id: OpId): Output | undefined {
    const op = this.#op(id);
    return op.kind === 'source' && op.source.type === 'local'
      ? { kind: 'local', name: op.source.name }
      : undefined;
  }

  #ignoresCache(id: OpId): boolean {
    return this.#metadata[id]?.ignoresCache ?? false;
  }

  #emitCached(id: OpId, record: CacheRecord): void {
    this.#deps.emit({ type: 'op-cached', op: id, key: record.key, at: this.#deps.elapsed() });
  }
}

/** Waited for before the inputs of an op are asked: thousands of steps on one another would exhaust the stack. */
const NEXT_TURN = Promise.resolve();

/** The value that was promised under `key` before, or the one that is promised now. */
function once<K, V>(known: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const promised = known.get(key) ?? make();
  known.set(key, promised);
  return promised;
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('An op names an input that was not solved');
  return value;
}
