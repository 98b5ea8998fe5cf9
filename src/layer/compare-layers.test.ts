import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileDifference } from '../events/event.ts';
import { lsetxattr } from '../host/xattr.ts';
import { compareLayers } from './compare-layers.ts';

const { signal } = new AbortController();
let dir: string;
let first: string;
let second: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'compare-layers-'));
  first = join(dir, 'first');
  second = join(dir, 'second');
  for (const side of [first, second]) mkdirSync(side);
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The differences by path. */
async function differences(clamp: number | undefined = 0): Promise<Record<string, FileDifference>> {
  const found = await compareLayers(first, second, clamp, signal);
  return Object.fromEntries(found.map(({ path, difference }) => [path, difference]));
}

function inBoth(make: (side: string) => void): void {
  for (const side of [first, second]) make(side);
}

describe('compareLayers()', () => {
  test('finds nothing in equal directories, whatever the order their names were made in', async () => {
    for (const [side, names] of [
      [first, ['a', 'b', 'c']],
      [second, ['c', 'b', 'a']],
    ] as const) {
      for (const name of names) writeFileSync(join(side, name), `of ${name}`);
      linkSync(join(side, 'a'), join(side, 'd'));
    }
    expect(await differences()).toEqual({});
  });

  test('says where content begins to differ, also behind the first piece that is read', async () => {
    const same = Buffer.alloc(300 * 1024, 'x');
    writeFileSync(join(first, 'big'), Buffer.concat([same, Buffer.from('1\n')]));
    writeFileSync(join(second, 'big'), Buffer.concat([same, Buffer.from('2\n')]));
    const offset = same.length;
    expect(await differences()).toEqual({
      big: { aspect: 'content', offset, first: '1', second: '2' },
    });
  });

  test('says where the shorter file ends', async () => {
    writeFileSync(join(first, 'f'), 'same');
    writeFileSync(join(second, 'f'), Buffer.from([...Buffer.from('same'), 0, 255]));
    writeFileSync(join(second, 'g'), '');
    writeFileSync(join(first, 'g'), 'text');
    expect(await differences()).toEqual({
      f: { aspect: 'content', offset: 4, first: '', second: '00ff' },
      g: { aspect: 'content', offset: 0, first: 'text', second: '' },
    });
  });

  test('tells names, types, targets and modes apart, names of the second alone last', async () => {
    writeFileSync(join(second, 'a'), '');
    writeFileSync(join(first, 'b'), '');
    inBoth((side) => mkdirSync(join(side, 'mode'), { mode: 0o755 }));
    chmodSync(join(second, 'mode'), 0o1777);
    symlinkSync('one', join(first, 'target'));
    symlinkSync('two', join(second, 'target'));
    writeFileSync(join(first, 'type'), '');
    mkdirSync(join(second, 'type'));
    const found = await differences();
    expect(found).toEqual({
      b: { aspect: 'presence', first: 'there', second: 'missing' },
      mode: { aspect: 'mode', first: '0755', second: '1777' },
      target: { aspect: 'target', first: 'one', second: 'two' },
      type: { aspect: 'type', first: 'file', second: 'directory' },
      a: { aspect: 'presence', first: 'missing', second: 'there' },
    });
    expect(Object.keys(found).at(-1)).toBe('a');
  });

  test('finds attributes of files with content', async () => {
    inBoth((side) => writeFileSync(join(side, 'f'), 'text'));
    lsetxattr(join(first, 'f'), 'user.a', Buffer.from('x'));
    expect(await differences()).toEqual({
      f: { aspect: 'xattr', first: 'user.a=x', second: '' },
    });
  });

  test('passes over times later than the fixed one', async () => {
    inBoth((side) => writeFileSync(join(side, 'f'), ''));
    utimesSync(join(first, 'f'), 10, 10);
    utimesSync(join(second, 'f'), 20, 20);
    expect(await differences(5)).toEqual({});
    expect(await differences(15)).toEqual({
      f: { aspect: 'time', first: '1970-01-01T00:00:10Z', second: '1970-01-01T00:00:15Z' },
    });
  });
});
