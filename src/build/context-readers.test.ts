import { beforeEach, expect, test } from 'vitest';
import type { OpGraph } from '../ops/op-graph.ts';
import type { FileOp, Op, OpId } from '../ops/op.ts';
import { CONTEXT_OP, copyOp, execOp, userCopy } from '../testing/sample-ops.ts';
import { followContextReaders, type ContextReaders } from './context-readers.ts';

const id = (index: number): OpId => index as OpId;
const OTHER: Op = { ...CONTEXT_OP, source: { type: 'local', name: 'other' } };

let solved: Set<OpId>;
let released: string[];
beforeEach(() => {
  solved = new Set();
  released = [];
});

function follow(...ops: readonly Op[]): ContextReaders {
  const graph: OpGraph = { ops, metadata: [], stages: [], targets: [] };
  return followContextReaders(
    graph,
    (op) => solved.has(op),
    (name) => released.push(name),
  );
}

test('a context is released by the last step that reads it, whatever the order', () => {
  const readers = follow(CONTEXT_OP, copyOp(0, 'a'), copyOp(0, 'b', 1), execOp({ root: id(2) }));
  readers.finished(id(2));
  expect(released).toEqual([]);
  readers.finished(id(1));
  expect(released).toEqual(['context']);
});

test('a step whose result is in the cache will not read', () => {
  const readers = follow(CONTEXT_OP, copyOp(0, 'a'), copyOp(0, 'b', 1));
  solved.add(id(1));
  readers.finished(id(2));
  expect(released).toEqual(['context']);
});

test('a context whose readers are all in the cache is released once, before the next step runs', () => {
  const readers = follow(CONTEXT_OP, copyOp(0, 'a'), copyOp(1, 'b'), copyOp(2, 'c'));
  readers.look();
  expect(released).toEqual([]);
  solved.add(id(1));
  readers.look();
  readers.finished(id(2));
  readers.look();
  expect(released).toEqual(['context']);
});

test('each context has readers of its own, and a step may read several', () => {
  const both: FileOp = {
    kind: 'file',
    base: undefined,
    actions: [userCopy(0, 'a', '/'), userCopy(1, 'b', '/')],
  };
  const readers = follow(CONTEXT_OP, OTHER, both, copyOp(1, 'c', 2));
  readers.finished(id(2));
  expect(released).toEqual(['context']);
  readers.finished(id(3));
  expect(released).toEqual(['context', 'other']);
});

test('a step that reads no context releases none', () => {
  const readers = follow(CONTEXT_OP, copyOp(0, 'a'), copyOp(1, 'b'));
  readers.finished(id(2));
  expect(released).toEqual([]);
});
