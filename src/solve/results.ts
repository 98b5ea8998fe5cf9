import { hashKeyParts, type CacheKey, type KeyParts } from '../cache/cache-key.ts';
import type { CacheRecord } from '../cache/cache-store.ts';
import { timeText } from '../core/time-text.ts';
import type { Output, SolvedOp } from './solve-deps.ts';

/** What the keys of an op are made of. */
export interface Keys {
  readonly first: KeyParts;
  /** Undefined when the op reads no files of other ops, or those are not known. */
  readonly second: KeyParts | undefined;
}

/** A solved op, and the key that names it for those that build on it. */
export interface Finished extends SolvedOp {
  readonly resultKey: CacheKey;
}

/** A result without the key that it is found by. */
export type ResultFacts = Omit<CacheRecord, 'key' | 'parts'>;

/** Under the first key, and under the second where there is one: last, as a miss is explained from it. */
export function recordsFor(
  { first, second }: Keys,
  facts: ResultFacts,
): readonly [CacheRecord, ...CacheRecord[]] {
  const firstKey = hashKeyParts(first);
  if (second === undefined) return [{ ...facts, key: firstKey, parts: first }];
  const key = hashKeyParts(second);
  return [
    { ...facts, key: firstKey, parts: first, contentKey: key },
    { ...facts, key, parts: second },
  ];
}

/** A result that was there before. */
export function finishedBy(facts: ResultFacts): Finished {
  return {
    output: { kind: 'snapshot', id: facts.snapshot },
    resultKey: facts.resultKey,
    createdAt: facts.createdAt,
    bytes: facts.bytes,
    durationMs: 0,
    isCached: true,
  };
}

/** What needs no work: a build context. */
export function finished(output: Output, resultKey: CacheKey, nowMs: number): Finished {
  const createdAt = timeText(nowMs);
  return { output, resultKey, createdAt, bytes: 0, durationMs: 0, isCached: true };
}

/** The files of a result; undefined also while they are elsewhere: then they are not asked for their content. */
export function outputOfRecord(record: CacheRecord | undefined): Output | undefined {
  return record === undefined || record.isRemote === true
    ? undefined
    : { kind: 'snapshot', id: record.snapshot };
}
