import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openOverlaySnapshotter } from './overlay-snapshotter.ts';
import { snapshotterContract } from './snapshotter.contract.ts';
import type { SnapshotId } from './snapshotter.ts';

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'snapshots-'));
});
afterAll(() => {
  rmSync(base, { recursive: true, force: true });
});
let count = 0;
const newDir = (): string => join(base, String(count++));

describe.runIf(process.getuid?.() === 0)('as root', () => {
  snapshotterContract('overlay', () => Promise.resolve(openOverlaySnapshotter(newDir())));
});

const { signal } = new AbortController();
const info = { bytes: 0, entries: 0, isEmpty: true };

describe('openOverlaySnapshotter()', () => {
  test('removes what a process that was killed left half-way', async () => {
    const dir = newDir();
    mkdirSync(dir);
    const script = `
      import { openOverlaySnapshotter } from ${JSON.stringify(join(import.meta.dirname, 'overlay-snapshotter.ts'))};
      const active = await openOverlaySnapshotter(${JSON.stringify(dir)}).prepare(undefined, new AbortController().signal);
      process.stdout.write(active.upper);
      process.kill(process.pid, 'SIGKILL');`;
    const { stdout, signal: killedBy } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') },
    );
    expect(killedBy).toBe('SIGKILL');
    expect(existsSync(stdout)).toBe(true);
    await using _snapshots = openOverlaySnapshotter(dir);
    expect(readdirSync(join(dir, 'active'))).toEqual([]);
  });

  test('leaves alone what another one is writing', async () => {
    const dir = newDir();
    await using snapshots = openOverlaySnapshotter(dir);
    await using active = await snapshots.prepare(undefined, signal);
    await using _other = openOverlaySnapshotter(dir);
    expect(existsSync(active.upper)).toBe(true);
  });

  test('does not trust what was not synced before the machine went down', async () => {
    const dir = newDir();
    let id: SnapshotId;
    {
      await using snapshots = openOverlaySnapshotter(dir);
      await using active = await snapshots.prepare(undefined, signal);
      ({ id } = await active.commit(info));
    }
    // As if that had been another boot.
    const unsynced = join(dir, 'unsynced');
    const [boot = ''] = readdirSync(unsynced);
    mkdirSync(join(unsynced, 'former'));
    writeFileSync(join(unsynced, 'former', id), '');
    rmSync(join(unsynced, boot), { recursive: true });
    await using again = openOverlaySnapshotter(dir);
    expect(again.get(id)).toBeUndefined();
  });

  test('trusts what was flushed', async () => {
    const dir = newDir();
    await using snapshots = openOverlaySnapshotter(dir);
    await using active = await snapshots.prepare(undefined, signal);
    const { id } = await active.commit(info);
    snapshots.flush();
    const notes = readdirSync(join(dir, 'unsynced'), { recursive: true });
    expect(notes).toHaveLength(1);
    expect(snapshots.get(id)).toBeDefined();
  });

  test.each(['../../../etc', 'record.json', '', 'ABCDEFGHIJKL'])(
    'knows no snapshot "%s"',
    async (id) => {
      await using snapshots = openOverlaySnapshotter(newDir());
      expect(snapshots.get(id as SnapshotId)).toBeUndefined();
    },
  );
});
