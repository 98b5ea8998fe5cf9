import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { textToBytes, type BytePath } from '../core/bytes.ts';
import { isInState, look, stateOf, type PathAspect } from './path-state.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'path-state-'));
  file = join(dir, 'file');
  writeFileSync(file, 'one');
  utimesSync(file, 1000, 1000);
  mkdirSync(join(dir, 'sub'));
  symlinkSync('file', join(dir, 'link'));
  symlinkSync('sub', join(dir, 'to-sub'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function state(name: string, aspect: PathAspect): string {
  return stateOf(aspect, look(at(name), aspect));
}

function at(name: string): BytePath {
  return textToBytes(join(dir, name));
}

type Row = readonly [aspect: PathAspect, name: string, what: string, change: () => void];

/** As if nobody had touched it. */
function rewrite(text: string): void {
  writeFileSync(file, text);
  utimesSync(file, 1000, 1000);
}

const SEEN: readonly Row[] = [
  ['file', 'file', 'other bytes with the old time', () => rewrite('two')],
  ['node', 'file', 'other bytes with the old time', () => rewrite('two')],
  ['file', 'file', 'another mode', () => chmodSync(file, 0o600)],
  ['file', 'link', 'other bytes behind a link', () => rewrite('two')],
  ['file', 'file', 'that it is gone', () => rmSync(file)],
  ['file', 'missing', 'that it is there', () => renameSync(file, join(dir, 'missing'))],
  ['names', 'sub', 'a new name', () => writeFileSync(join(dir, 'sub/x'), '')],
  [
    'place',
    'to-sub',
    'that it leads elsewhere',
    () => {
      rmSync(join(dir, 'to-sub'));
      symlinkSync('.', join(dir, 'to-sub'));
    },
  ],
  [
    'node',
    'sub',
    'another directory in its place',
    () => {
      mkdirSync(join(dir, 'new'));
      renameSync(join(dir, 'sub'), join(dir, 'old'));
      renameSync(join(dir, 'new'), join(dir, 'sub'));
    },
  ],
];

test.each(SEEN)('the aspect "%s" of "%s" sees %s', (aspect, name, _, change) => {
  const before = state(name, aspect);
  expect(isInState(at(name), aspect, before)).toBe(true);
  change();
  expect(isInState(at(name), aspect, before)).toBe(false);
  expect(state(name, aspect)).not.toBe(before);
});

const NOT_SEEN: readonly Row[] = [
  ['node', 'sub', 'a new name in a directory', () => writeFileSync(join(dir, 'sub/x'), '')],
  ['place', 'to-sub', 'a new name behind a link', () => writeFileSync(join(dir, 'sub/x'), '')],
  ['node', 'link', 'what is behind a link', () => rewrite('two')],
  ['file', 'missing', 'its neighbours', () => writeFileSync(join(dir, 'other'), '')],
];

test.each(NOT_SEEN)('the aspect "%s" of "%s" does not see %s', (aspect, name, _, change) => {
  const before = state(name, aspect);
  change();
  expect(isInState(at(name), aspect, before)).toBe(true);
});

test('what cannot be looked at is not there', () => {
  expect(look(at('file/below'), 'file').own).toBeUndefined();
  expect(look(at('x'.repeat(5000)), 'file').own).toBeUndefined();
  symlinkSync('loop', join(dir, 'loop'));
  expect(lstatSync(join(dir, 'loop')).isSymbolicLink()).toBe(true);
  expect(look(at('loop'), 'file').leadsTo).toBeUndefined();
});
