import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openHolds, type Holds } from './holds.ts';
import { enterPrivateMountNamespace } from './mount-namespace.ts';
import { mount, umount } from './mount.ts';

const isRoot = process.geteuid?.() === 0;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holds-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Which of these names another process would leave alone. */
function heldOf(names: readonly string[]): string[] {
  return openHolds(dir).remove((held) => names.filter((name) => held.has(name)));
}

function find(holds: Holds, name: string): string | undefined {
  return holds.find(name, () => name);
}

test('what was found is held until it is disposed of, and nothing else', () => {
  const holds = openHolds(dir);
  const use = holds.begin();
  find(holds, 'a');
  expect(heldOf(['a', 'b'])).toEqual(['a']);
  use[Symbol.dispose]();
  expect(heldOf(['a', 'b'])).toEqual([]);
});

describe.runIf(isRoot)('on a disk that is full', () => {
  beforeEach(() => {
    enterPrivateMountNamespace();
    mount({
      source: 'tmpfs',
      target: dir,
      type: 'tmpfs',
      options: 'size=64k,nr_inodes=40,mode=700',
    });
  });
  afterEach(() => {
    umount(dir, { lazily: true });
  });

  function fill(): void {
    expect(() => writeFileSync(join(dir, 'rest'), 'x'.repeat(1 << 20))).toThrow('ENOSPC');
  }

  test('everything is held, by whoever found one thing', () => {
    {
      const before = openHolds(dir);
      using _use = before.begin();
      find(before, 'a');
    }
    fill();
    const holds = openHolds(dir);
    const other = openHolds(dir);
    const uses = [holds.begin(), other.begin()];
    expect(heldOf(['a', 'b'])).toEqual([]);
    for (const each of [holds, other]) {
      expect([find(each, 'a'), find(each, 'b')]).toEqual(['a', 'b']);
      expect(heldOf(['a', 'b', 'c'])).toEqual(['a', 'b', 'c']);
    }
    uses[0]?.[Symbol.dispose]();
    expect(heldOf(['c'])).toEqual(['c']);
    uses[1]?.[Symbol.dispose]();
    expect(heldOf(['a', 'b', 'c'])).toEqual([]);
    expect(readdirSync(join(dir, 'leases'))).toEqual([]);
  });

  test('where nothing was ever held, that the disk is full is the error', () => {
    mkdirSync(join(dir, 'leases'));
    fill();
    expect(() => {
      for (let i = 0; i < 50; i++) writeFileSync(join(dir, `n${String(i)}`), '');
    }).toThrow('ENOSPC');
    const holds = openHolds(dir);
    using _use = holds.begin();
    expect(() => {
      holds.note('a');
    }).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
  });
});
