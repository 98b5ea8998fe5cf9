import { describe, expect, test } from 'vitest';
import type { ChangeSubject, FileChange, KeyChange, MissReason } from '../events/event.ts';
import { renderMiss } from './render-miss.ts';

const changed = (...changes: readonly KeyChange[]): MissReason => ({ kind: 'changed', changes });
const change = (part: string, before?: string, after?: string): KeyChange => ({
  part,
  before,
  after,
});
const about = (subject: ChangeSubject, before = 'a', after = 'b'): MissReason =>
  changed({ part: 'part', before, after, subject });
const files = (...first: readonly FileChange[]): ChangeSubject => ({
  kind: 'files',
  origin: undefined,
  count: first.length,
  first,
});
const A: FileChange = { path: 'src/a.ts', what: 'content' };
const DIGEST = `sha256:${'ab'.repeat(32)}`;

describe('renderMiss()', () => {
  test.each<[MissReason, string]>([
    [{ kind: 'no-cache' }, 'the cache is switched off for this step'],
    [{ kind: 'never-built' }, 'never built before'],
    [{ kind: 'removed' }, 'its former result was removed from the store'],
    [changed(change('user', 'x', 'y')), 'user: "x" → "y"'],
    [changed(change('env A', 'x', 'y')), 'variable A: "x" → "y"'],
    [changed(change('a.c', undefined, 'x')), 'a.c is new'],
    [changed(change('a.c', 'x')), 'a.c is gone'],
    [changed(change('a.c')), 'a.c changed'],
    [changed(change('a.c', 'ab'.repeat(32), 'cd'.repeat(32))), 'a.c changed'],
    [
      changed(change('copy', '{"to":"/a","mode":null}', '{"to":"/b","mode":"755"}')),
      'mode is new; to: "/a" → "/b"',
    ],
    [
      changed(change('a'), change('b'), change('c'), change('d'), change('e')),
      'a changed; b changed; c changed; and 2 more',
    ],
    [
      changed(change('env A', 'x'.repeat(70), '\u001b[31m')),
      `variable A: "${'x'.repeat(60)}…" → "␛[31m"`,
    ],
    [about({ kind: 'build-arg', name: 'ENV' }, 'test', 'prod'), 'build-arg ENV: "test" → "prod"'],
    [
      about({ kind: 'instruction', before: '[1/2] RUN a', after: '[1/2] RUN b' }),
      'the instruction was "[1/2] RUN a"',
    ],
    [about({ kind: 'step', name: '[1/2] RUN a' }), '[1/2] RUN a has another result'],
    [
      about({ kind: 'image', name: 'alpine' }, DIGEST, `sha256:${'cd'.repeat(32)}`),
      'base image alpine: sha256:abababababab… → sha256:cdcdcdcdcdcd…',
    ],
    [about(files(A)), 'src/a.ts changed'],
    [
      about({ kind: 'files', origin: 'stage "b"', count: 1, first: [A] }),
      'src/a.ts of stage "b" changed',
    ],
    [
      about(files(A, { path: 'b', what: 'added' }, { path: 'c', what: 'removed' }, A, A)),
      '5 files of the build context changed: src/a.ts, b (new), c (gone) and 2 more',
    ],
    [
      about({ kind: 'files', origin: undefined, count: undefined, first: [] }),
      'files of the build context changed',
    ],
  ])('%j', (reason, expected) => {
    expect(renderMiss(reason)).toBe(`not cached: ${expected}`);
  });
});
