import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import type { NamedContext } from '../stages/plan-request.ts';
import { fileState } from '../tree/file-digest.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { openContexts, type BuildContexts } from './contexts.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'contexts-'));
  mkdirSync(join(dir, 'other'));
  writeFileSync(join(dir, 'other', 'f'), 'one');
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** The contexts of a build an hour from now, with one that is named `other`. */
function open(): BuildContexts {
  const source = { path: 'Dockerfile', text: '' };
  const main = { context: { kind: 'empty' }, dockerfile: { source, hostPath: undefined } } as const;
  const named = new Map<string, NamedContext>([['other', { type: 'local', path: 'other' }]]);
  const now = (): number => Date.now() + 3_600_000;
  return openContexts(main, named, join(dir, 'cache'), dir, now, () => undefined);
}

function fileIn(contexts: BuildContexts): TreeNode | undefined {
  return contexts.tree('other').lookup('/f' as BytePath, { followsLast: false });
}

test('a context that was released is seen as it is then, and what was hashed of it is kept', () => {
  const contexts = open();
  const before = fileIn(contexts);
  if (before === undefined) throw new Error('No file');
  const digest = Buffer.alloc(32, 1);
  contexts.hashCache('other')?.put(fileState(before), digest);
  writeFileSync(join(dir, 'other', 'f'), 'longer');
  expect(fileIn(contexts)?.size).toBe(3);
  contexts.release('other');
  expect(fileIn(contexts)?.size).toBe(6);
  expect(contexts.hashCache('other')?.get(before)).toEqual(digest);
  expect(open().hashCache('other')?.get(before)).toEqual(digest);
});
