import { describe, expect, test } from 'vitest';
import { hashKeyParts, type KeyParts } from './cache-key.ts';
import type { CacheRecord } from './cache-store.ts';
import { missReason } from './miss-reason.ts';

function record(parts: KeyParts): CacheRecord {
  const key = hashKeyParts(parts);
  const createdAt = '2024-05-04T00:00:00Z';
  return {
    key,
    resultKey: key,
    parts,
    snapshot: 's',
    slot: 'x',
    createdAt,
    durationMs: 0,
    bytes: 0,
  };
}

const base = { command: 'make', 'root from': 'r1', 'env CI': '1' };
const part = (reason: ReturnType<typeof missReason>): readonly string[] | string =>
  reason.kind === 'changed' ? reason.changes.map((change) => change.part) : reason.kind;

describe('missReason()', () => {
  test('is never-built without any former result', () => {
    expect(missReason([() => []], base)).toEqual({ kind: 'never-built' });
  });

  test('is removed when the same was built before', () => {
    expect(missReason([() => [record(base)]], base)).toEqual({ kind: 'removed' });
  });

  test('compares with the former result that is nearest, and of two with the later', () => {
    const far = record({ ...base, 'root from': 'r0', 'env CI': '0' });
    const near = record({ ...base, 'env CI': '2' });
    const older = record({ ...base, 'env CI': '3' });
    const found = missReason([() => [far, near, older]], base);
    expect(found).toMatchObject({ kind: 'changed', former: near });
    expect(part(found)).toEqual(['env CI']);
  });

  test('looks at the steps around when the instruction is another one', () => {
    const moved = record({ ...base, 'root from': 'r0' });
    const other = record({ ...base, command: 'test' });
    expect(part(missReason([() => [other], () => [moved]], base))).toEqual(['root from']);
  });

  test('asks no further when the same instruction was found', () => {
    const same = record({ ...base, 'env CI': '2' });
    const unasked = (): never => {
      throw new Error('was asked');
    };
    expect(part(missReason([() => [same], unasked], base))).toEqual(['env CI']);
  });
});
