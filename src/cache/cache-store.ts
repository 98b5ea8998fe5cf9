import type { CacheKey, KeyParts } from './cache-key.ts';

/**
 * Results by key. Small records; the files they name live in the snapshot store, so a record may
 * outlive its snapshot: whoever takes one checks that the snapshot is there.
 */
export interface CacheStore {
  get(key: CacheKey): CacheRecord | undefined;
  /** Replaces what is under `record.key`. */
  put(record: CacheRecord): void;
  /** What was last put for the same step of the same Dockerfile, latest first, to explain a miss. */
  recent(slot: string): readonly CacheRecord[];
  /** Keeps concurrent builds, also of other processes, from making the same result twice. */
  lock(key: CacheKey, signal: AbortSignal): Promise<AsyncDisposable>;
}

export interface CacheRecord {
  readonly key: CacheKey;
  /** Names the result for whoever builds on it: the first key it was made under. */
  readonly resultKey: CacheKey;
  readonly parts: KeyParts;
  /** Undefined when the result is the empty file system. */
  readonly snapshot: string | undefined;
  /** Which step of which Dockerfile asked for it. */
  readonly slot: string;
  /** The step as people know it, `[builder 2/5] RUN go build`. Records of older versions have none. */
  readonly name?: string | undefined;
  /** Id of the build that made it. Records of older versions have none. */
  readonly build?: string | undefined;
  /** RFC 3339. Becomes `created` in the image history, so that a cached rebuild gives the same image. */
  readonly createdAt: string;
  readonly durationMs: number;
  /** Bytes of files the step added. */
  readonly bytes: number;
  /** The key that names the inputs by their content, where the result has that one as well. */
  readonly contentKey?: CacheKey | undefined;
  /**
   * True for a result of an imported cache: `snapshot` is the name it has there, and its files come when
   * they are needed. Never kept so.
   */
  readonly isRemote?: boolean | undefined;
}
