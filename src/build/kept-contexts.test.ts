import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import {
  contextFiles,
  isContextGone,
  keepContext,
  listContexts,
  takeContexts,
} from './kept-contexts.ts';

const { signal } = new AbortController();
const DAY_MS = 24 * 60 * 60 * 1000;

let root: string;
let context: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kept-contexts-'));
  context = join(root, 'context');
  mkdirSync(context);
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** What a build does at its end. */
function keep(now = Date.now(), path = context): void {
  keepContext(root, path, now, () => {
    const { digests } = contextFiles(root, path);
    mkdirSync(dirname(digests), { recursive: true });
    writeFileSync(digests, 'x');
  });
}

test('what is kept says of which directory it is, and whether that is still there', async () => {
  keep();
  const [kept, ...others] = await listContexts(root, signal);
  expect([kept?.path, others]).toEqual([context, []]);
  expect(kept?.bytes).toBeGreaterThan(0);
  expect(isContextGone({ path: context })).toBe(false);
  rmSync(context, { recursive: true });
  expect(isContextGone({ path: context })).toBe(true);
  expect(isContextGone({ path: join(context, 'below') })).toBe(true);
});

test('the time of last use is written once a day', () => {
  const now = Date.now();
  keep(now);
  const note = join(root, 'contexts', digestOf(context).slice('sha256:'.length), 'path');
  const touched = (): number => statSync(note).mtimeMs;
  utimesSync(note, (now - DAY_MS / 2) / 1000, (now - DAY_MS / 2) / 1000);
  keep(now);
  expect(touched()).toBeLessThan(now - DAY_MS / 3);
  keep(now + DAY_MS);
  expect(touched()).toBeGreaterThan(now + DAY_MS / 2);
});

test('a file in the place of the directory, as older versions kept it, gives way', () => {
  mkdirSync(join(root, 'contexts'));
  const old = join(root, 'contexts', digestOf(context).slice('sha256:'.length));
  writeFileSync(old, 'digests');
  keep(Date.now());
  expect(existsSync(old)).toBe(false);
  keep(Date.now());
  expect(readdirSync(old)).toContain('path');
});

test('a context of which nothing is worth keeping leaves nothing', () => {
  keepContext(root, context, Date.now(), () => undefined);
  expect(readdirSync(root)).toEqual(['context']);
});

test('what is taken away while a build writes it costs the build nothing', async () => {
  keep();
  const trash = (id: string): string => join(root, id);
  keepContext(root, context, Date.now(), () => {
    const ids = readdirSync(join(root, 'contexts'));
    expect(takeContexts(root, ids, trash)).toEqual(ids);
    // The directory that was there when it began.
    writeFileSync(contextFiles(root, context).selections, '');
  });
  expect(await listContexts(root, signal)).toEqual([]);
  expect(takeContexts(root, ['gone'], trash)).toEqual([]);
});

test.each(['ENOSPC', 'EROFS', 'EDQUOT'])('a disk that says %s fails no build', (code) => {
  keepContext(root, context, Date.now(), () => {
    throw Object.assign(new Error(code), { code });
  });
  const fail = (): void => {
    throw new TypeError('of ours');
  };
  expect(() => keepContext(root, context, Date.now(), fail)).toThrow('of ours');
});

test('files of another layout belong to no context', async () => {
  mkdirSync(join(root, 'contexts'));
  writeFileSync(join(root, 'contexts', 'ab'), 'x');
  const kept = await listContexts(root, signal);
  expect(kept.map(({ id, path }) => [id, path])).toEqual([['ab', undefined]]);
  expect(kept.every(isContextGone)).toBe(true);
});
