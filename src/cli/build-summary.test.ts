import { describe, expect, test } from 'vitest';
import type { KeyChange, MissReason } from '../events/event.ts';
import { renderMiss } from './build-summary.ts';

const changed = (...changes: readonly KeyChange[]): MissReason => ({ kind: 'changed', changes });
const change = (part: string, before?: string, after?: string): KeyChange => ({
  part,
  before,
  after,
});

describe('renderMiss()', () => {
  test.each<[MissReason, string]>([
    [{ kind: 'no-cache' }, 'not cached: the cache is switched off for this step'],
    [{ kind: 'never-built' }, 'not cached: never built before'],
    [changed(change('ARG A', 'x', 'y')), 'not cached: ARG A: "x" → "y"'],
    [changed(change('a.c', undefined, 'x')), 'not cached: a.c is new'],
    [changed(change('a.c', 'x')), 'not cached: a.c is gone'],
    [changed(change('a.c')), 'not cached: a.c changed'],
    [changed(change('a.c', 'ab'.repeat(32), 'cd'.repeat(32))), 'not cached: a.c changed'],
    [changed(change('a', `sha256:${'ab'.repeat(32)}`, 'x')), 'not cached: a changed'],
    [
      changed(change('a'), change('b'), change('c'), change('d'), change('e')),
      'not cached: a changed; b changed; c changed; and 2 more',
    ],
    [
      changed(change('ENV', 'x'.repeat(70), '\u001b[31m')),
      `not cached: ENV: "${'x'.repeat(60)}…" → "␛[31m"`,
    ],
  ])('%j', (reason, expected) => {
    expect(renderMiss(reason)).toBe(expected);
  });
});
