import type { InputUse } from '../cache/input-parts.ts';
import type { CacheRecord, CacheStore } from '../cache/cache-store.ts';
import type { Emit, KeyChange } from '../events/event.ts';
import type { OpId } from '../ops/op.ts';

/** What solving takes from the world. No file or process is touched by the solver itself. */
export interface SolveDeps {
  readonly cache: CacheStore;
  /** False when the snapshot that a record names is gone: then the record is a miss. */
  hasSnapshot(id: string): boolean;
  /** Hash of the files that `use` reads from `input`. */
  hashFiles(use: InputUse, input: Output, signal: AbortSignal): Promise<string>;
  run(id: OpId, inputs: ReadonlyMap<OpId, Output>, signal: AbortSignal): Promise<RunResult>;
  /**
   * Brings the files of a result that an imported cache has, and resolves to their snapshot; undefined
   * when they cannot be had any more: then the step runs.
   */
  fetch?(id: OpId, record: CacheRecord, signal: AbortSignal): Promise<string | undefined>;
  readonly emit: Emit;
  /** Identifies a step across builds of the same Dockerfile, to explain misses. */
  slotOf(id: OpId): string;
  /** Slots of the steps around it, nearest first: it may have been one of those. */
  slotsNear(id: OpId): Iterable<string>;
  /** Says what the parts stand for that differ from `former`. */
  describe(id: OpId, former: CacheRecord, changes: readonly KeyChange[]): readonly KeyChange[];
  /** Kept with results, so that they can be told apart by build. */
  readonly buildId: string | undefined;
  /** Ops that run at the same time. */
  readonly jobs: number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since the build began: the clock of its events. */
  elapsed(): number;
}

/** The files that an op stands for. */
export type Output =
  | { readonly kind: 'local'; readonly name: string }
  /** `id` undefined is the empty file system. */
  | { readonly kind: 'snapshot'; readonly id: string | undefined };

export interface RunResult {
  readonly output: Output;
  /** Bytes of files that the op added. */
  readonly bytes: number;
}

export interface SolvedOp {
  readonly output: Output;
  /** RFC 3339; when the result was first made. */
  readonly createdAt: string;
  readonly bytes: number;
  /** 0 when it came from the cache. */
  readonly durationMs: number;
  readonly isCached: boolean;
}
