import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import { measureUpper } from './measure-upper.ts';
import { openDirectorySnapshotter } from './directory-snapshotter.ts';
import { snapshotterContract } from './snapshotter.contract.ts';
import type { SnapshotId } from './snapshotter.ts';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'snapshots-'));
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});
const isRoot = process.getuid?.() === 0;
let count = 0;
const newDir = (): string => join(base, String(count++));

describe.runIf(isRoot)('as root', () => {
  snapshotterContract('overlay', () =>
    Promise.resolve(openDirectorySnapshotter(newDir(), { mounting: 'overlay' })),
  );
  snapshotterContract('copy', () =>
    Promise.resolve(openDirectorySnapshotter(newDir(), { mounting: 'copy' })),
  );
});

const { signal } = new AbortController();
const info = { bytes: 0, entries: 0, isEmpty: true };

describe('openDirectorySnapshotter()', () => {
  test('removes what a process that was killed left half-way', async () => {
    const dir = newDir();
    mkdirSync(dir);
    const script = `
      import { openDirectorySnapshotter } from ${JSON.stringify(join(import.meta.dirname, 'directory-snapshotter.ts'))};
      const active = await openDirectorySnapshotter(${JSON.stringify(dir)}).prepare(undefined, new AbortController().signal);
      process.stdout.write(active.upper);
      process.kill(process.pid, 'SIGKILL');`;
    const { stdout, signal: killedBy } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') },
    );
    expect(killedBy).toBe('SIGKILL');
    expect(existsSync(stdout)).toBe(true);
    await using _snapshots = openDirectorySnapshotter(dir);
    expect(readdirSync(join(dir, 'active'))).toEqual([]);
  });

  test('removes no parent of what another one is writing', async () => {
    const dir = newDir();
    await using snapshots = openDirectorySnapshotter(dir);
    await using active = await snapshots.prepare(undefined, signal);
    const parent = await active.commit(info);
    await using other = openDirectorySnapshotter(dir);
    await using child = await other.prepare(parent.id, signal);
    await expect(snapshots.remove(parent.id)).rejects.toMatchObject({
      code: 'SNAPSHOT_HAS_CHILDREN',
      message: `Cannot remove snapshot "${parent.id}": snapshot "${child.id}" is built on it`,
    });
    await child.commit(info);
    expect(await snapshots.removeAll([parent.id])).toEqual([]);
  });

  test('removes a parent whose child was being written by a process that is gone', async () => {
    const dir = newDir();
    await using snapshots = openDirectorySnapshotter(dir);
    await using active = await snapshots.prepare(undefined, signal);
    const parent = await active.commit(info);
    writeFileSync(join(dir, `active/00000000000x.${parent.id}.lock`), '');
    mkdirSync(join(dir, 'active/00000000000x'));
    await snapshots.remove(parent.id);
    expect(readdirSync(join(dir, 'active'))).toEqual([]);
    expect(readdirSync(join(dir, 'trash'))).toEqual([]);
  });

  test.runIf(isRoot)('mounts when the directory that the user is in was removed', async () => {
    const before = process.cwd();
    const gone = newDir();
    mkdirSync(gone);
    await using snapshots = openDirectorySnapshotter(newDir());
    await using active = await snapshots.prepare(undefined, signal);
    process.chdir(gone);
    rmSync(gone, { recursive: true });
    try {
      const { root } = await active.mount(signal);
      writeFileSync(join(root, 'f'), 'x');
      expect(readlinkSync('/proc/self/cwd')).toBe(`${gone} (deleted)`);
    } finally {
      process.chdir(before);
    }
    expect(readFileSync(join(active.upper, 'f'), 'utf8')).toBe('x');
  });

  test.runIf(isRoot)('works below a directory whose name is not ASCII', async () => {
    const dir = join(newDir(), 'josé-日本');
    mkdirSync(dir, { recursive: true });
    await using snapshots = openDirectorySnapshotter(dir);
    await using active = await snapshots.prepare(undefined, signal);
    writeFileSync(join(active.upper, 'f'), 'x');
    const { id } = await active.commit(info);
    await using child = await snapshots.prepare(id, signal);
    const { root } = await child.mount(signal);
    rmSync(join(root, 'f'));
    const node = child.tree.lookup('/f' as BytePath, { followsLast: false });
    expect(node).toBeUndefined();
    expect(measureUpper(child.upper).entries).toBe(1);
  });

  test('leaves alone what another one is writing', async () => {
    const dir = newDir();
    await using snapshots = openDirectorySnapshotter(dir);
    await using active = await snapshots.prepare(undefined, signal);
    await using _other = openDirectorySnapshotter(dir);
    expect(existsSync(active.upper)).toBe(true);
  });

  test('does not trust what was not synced before the machine went down', async () => {
    const dir = newDir();
    let id: SnapshotId;
    {
      await using snapshots = openDirectorySnapshotter(dir);
      await using active = await snapshots.prepare(undefined, signal);
      ({ id } = await active.commit(info));
    }
    // As if that had been another boot.
    const unsynced = join(dir, 'unsynced');
    const [boot = ''] = readdirSync(unsynced);
    mkdirSync(join(unsynced, 'former'));
    writeFileSync(join(unsynced, 'former', id), '');
    rmSync(join(unsynced, boot), { recursive: true });
    await using again = openDirectorySnapshotter(dir);
    expect(again.get(id)).toBeUndefined();
  });

  test('trusts what was flushed', async () => {
    const dir = newDir();
    await using snapshots = openDirectorySnapshotter(dir);
    await using active = await snapshots.prepare(undefined, signal);
    const { id } = await active.commit(info);
    await snapshots.flush();
    const notes = readdirSync(join(dir, 'unsynced'), { recursive: true });
    expect(notes).toHaveLength(1);
    expect(snapshots.get(id)).toBeDefined();
  });

  test.each(['../../../etc', 'record.json', '', 'ABCDEFGHIJKL'])(
    'knows no snapshot "%s"',
    async (id) => {
      await using snapshots = openDirectorySnapshotter(newDir());
      expect(snapshots.get(id as SnapshotId)).toBeUndefined();
    },
  );
});
