import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { storeRefusal, whyNoStore } from './store-file-system.ts';

const dir = mkdtempSync(join(tmpdir(), 'store-file-system-'));

afterAll(() => {
  rmSync(dir, { recursive: true });
});

test('an ordinary file system lacks nothing, and looking leaves nothing', () => {
  expect(whyNoStore(dir, process.getuid?.() ?? 0)).toBeUndefined();
  expect(readdirSync(dir)).toEqual([]);
});

test.each([
  ['EILSEQ', '/s/snapshots/a', 'its file system refuses lstat for "/s/snapshots/a" (EILSEQ)'],
  ['ENOSYS', '/s/tmp/b', 'its file system refuses lstat for "/s/tmp/b" (ENOSYS)'],
  ['ENOSYS', '/sother/b', undefined],
  ['EPERM', '/s/tmp/b', undefined],
])('%s at %s is told as %j', (code, path, found) => {
  const failure = Object.assign(new Error(code), { code, path, syscall: 'lstat' });
  const error = storeRefusal('/s', failure);
  expect(error?.message).toBe(found && `Cannot use the store "/s": ${found}`);
});
