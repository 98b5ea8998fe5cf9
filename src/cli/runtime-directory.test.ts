import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runtimeDirectory } from './runtime-directory.ts';

describe('runtimeDirectory()', () => {
  const uid = process.getuid?.() ?? 0;
  let shared: string;
  let own: string;

  beforeEach(() => {
    shared = mkdtempSync(join(tmpdir(), 'stagecraft-shm-'));
    own = join(shared, `stagecraft-${String(uid)}`);
  });

  afterEach(() => {
    rmSync(shared, { recursive: true, force: true });
  });

  const choose = (env: Readonly<Record<string, string>> = {}): string =>
    runtimeDirectory(env, uid, '/fallback', shared);

  test('takes the one of the session', () => {
    expect(choose({ XDG_RUNTIME_DIR: shared })).toBe(shared);
  });

  test.each([['/nonexistent/run'], ['relative'], ['']])(
    'makes one that is closed to others when the session has %j',
    (named) => {
      expect(choose({ XDG_RUNTIME_DIR: named })).toBe(own);
      expect(statSync(own).mode & 0o777).toBe(0o700);
      expect(choose({ XDG_RUNTIME_DIR: named })).toBe(own);
    },
  );

  test('does not take one that others can look into', () => {
    mkdirSync(own);
    chmodSync(own, 0o755);
    expect(choose()).toBe('/fallback');
  });

  test('does not follow a link that stands in its place', () => {
    symlinkSync(tmpdir(), own);
    expect(choose()).toBe('/fallback');
  });

  test('does not take one of another user', () => {
    mkdirSync(own, { mode: 0o700 });
    expect(runtimeDirectory({}, uid, '/fallback', shared)).toBe(own);
    mkdirSync(join(shared, `stagecraft-${String(uid + 1)}`), { mode: 0o700 });
    expect(runtimeDirectory({}, uid + 1, '/fallback', shared)).toBe('/fallback');
  });
});
