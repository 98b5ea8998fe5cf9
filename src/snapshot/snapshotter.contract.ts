import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import { makeDevice, mkfifo, mknod, NODE_TYPE, utimesNs } from '../host/sys.ts';
import { lsetxattr, lgetxattr } from '../host/xattr.ts';
import { readNode } from '../tree/node.ts';
import { isOpaque } from '../tree/opaque.ts';
import { isWhiteout } from '../tree/whiteout.ts';
import { measureUpper } from './measure-upper.ts';
import type { ActiveSnapshot, CommittedSnapshot, SnapshotId, Snapshotter } from './snapshotter.ts';

type OpenSnapshotter = Snapshotter & AsyncDisposable;

/** The promises of Snapshotter, as tests. `open` gives a store of its own each time. */
export function snapshotterContract(name: string, open: () => Promise<OpenSnapshotter>): void {
  const { signal } = new AbortController();

  /** Commits what `write` puts into the merged view. */
  async function commit(
    snapshots: Snapshotter,
    parent: SnapshotId | undefined,
    write: (root: string) => void,
  ): Promise<CommittedSnapshot> {
    await using active = await snapshots.prepare(parent, signal);
    {
      await using view = await active.mount(signal);
      // Only children see the mount for certain: what a step does is done by one here too.
      write(view.root);
    }
    return await active.commit(measureUpper(active.upper));
  }
  const read = (active: ActiveSnapshot, path: string): string | undefined => {
    const node = active.tree.lookup(path as BytePath, { followsLast: true });
    return node === undefined ? undefined : readFileSync(node.hostPath, 'utf8');
  };

  const namesIn = (dir: string): string[] => readdirSync(dir).sort();
  /** A snapshot's own entries, a line each: what overlayfs leaves and what layers are made of. */
  function* layerLines(dir: string, path = ''): Generator<string> {
    for (const entry of namesIn(join(dir, path))) {
      const below = join(path, entry);
      const node = readNode(join(dir, below) as BytePath, `/${below}` as BytePath);
      if (node === undefined) continue;
      if (isWhiteout(node)) yield `${below} removed`;
      else if (node.type === 'directory') {
        const time = node.mtimeNs === 5n ? ' at 5' : '';
        yield `${below}/${isOpaque(node.hostPath) ? ' opaque' : ''}${time}`;
        yield* layerLines(dir, below);
      } else yield `${below} ${readFileSync(node.hostPath, 'utf8')}`;
    }
  }

  describe(`${name} is a Snapshotter`, () => {
    test('a child sees its parent and cannot change it', async () => {
      await using snapshots = await open();
      const parent = await commit(snapshots, undefined, (root) =>
        writeFileSync(join(root, 'f'), 'lower'),
      );
      await commit(snapshots, parent.id, (root) => writeFileSync(join(root, 'f'), 'upper'));
      await using again = await snapshots.prepare(parent.id, signal);
      expect(read(again, '/f')).toBe('lower');
    });

    test('a cover is seen in place of the parent, and is in no snapshot', async () => {
      await using snapshots = await open();
      const parent = await commit(snapshots, undefined, (root) => {
        for (const name of ['kept', 'changed']) writeFileSync(join(root, name), 'own');
      });
      await using active = await snapshots.prepare(parent.id, signal);
      {
        await using view = await active.mount(signal, {
          cover(dir) {
            for (const name of ['kept', 'changed']) writeFileSync(join(dir, name), 'cover');
          },
        });
        expect(readFileSync(join(view.root, 'kept'), 'utf8')).toBe('cover');
        writeFileSync(join(view.root, 'changed'), ' and more', { flag: 'a' });
      }
      expect(read(active, '/kept')).toBe('own');
      expect(read(active, '/changed')).toBe('cover and more');
      expect(measureUpper(active.upper).entries).toBe(1);
    });

    test('a floor hides nothing of the chain, and is in no snapshot', async () => {
      await using snapshots = await open();
      const parent = await commit(snapshots, undefined, (root) => {
        mkdirSync(join(root, 'etc'));
        writeFileSync(join(root, 'etc/hosts'), 'own');
      });
      let filled = 0;
      const floor = {
        name: 'some',
        fill(dir: string) {
          filled++;
          for (const name of ['dev', 'etc']) mkdirSync(join(dir, name));
          for (const name of ['hosts', 'other']) writeFileSync(join(dir, 'etc', name), '');
        },
      };
      for (const below of [parent.id, undefined, parent.id]) {
        await using active = await snapshots.prepare(below, signal);
        {
          await using view = await active.mount(signal, { floor });
          if (below !== undefined) {
            expect(readFileSync(join(view.root, 'etc/hosts'), 'utf8')).toBe('own');
          }
          expect(readdirSync(view.root)).toContain('dev');
          expect(filled).toBe(1);
          mkdirSync(join(view.root, 'etc/made'), { recursive: true });
        }
        expect(read(active, '/dev')).toBeUndefined();
        expect(read(active, '/etc/other')).toBeUndefined();
        expect(measureUpper(active.upper).entries).toBe(2);
      }
    });

    test('the root directory has the mode and owner that its parent gave it, whatever the umask', async () => {
      const umask = process.umask(0o077);
      try {
        await using snapshots = await open();
        const first = await commit(snapshots, undefined, () => undefined);
        expect(lstatSync(first.dir).mode & 0o7777).toBe(0o755);
        const changed = await commit(snapshots, first.id, (root) => chmodSync(root, 0o1777));
        const child = await commit(snapshots, changed.id, () => undefined);
        expect(lstatSync(child.dir).mode & 0o7777).toBe(0o1777);
      } finally {
        process.umask(umask);
      }
    });

    test('a removed file is gone in the child and there in the parent', async () => {
      await using snapshots = await open();
      const parent = await commit(snapshots, undefined, (root) =>
        writeFileSync(join(root, 'f'), 'x'),
      );
      const child = await commit(snapshots, parent.id, (root) => rmSync(join(root, 'f')));
      expect(
        snapshots.tree(child.id).lookup('/f' as BytePath, { followsLast: false }),
      ).toBeUndefined();
      expect(
        snapshots.tree(parent.id).lookup('/f' as BytePath, { followsLast: false }),
      ).toBeDefined();
    });

    test('a directory that was replaced hides what it had', async () => {
      await using snapshots = await open();
      const parent = await commit(snapshots, undefined, (root) => {
        mkdirSync(join(root, 'd'));
        writeFileSync(join(root, 'd/old'), 'x');
      });
      const child = await commit(snapshots, parent.id, (root) => {
        rmSync(join(root, 'd'), { recursive: true });
        mkdirSync(join(root, 'd'));
        writeFileSync(join(root, 'd/new'), 'x');
      });
      const tree = snapshots.tree(child.id);
      const directory = tree.lookup('/d' as BytePath, { followsLast: false });
      expect(directory === undefined ? [] : tree.list(directory)).toEqual(['new']);
    });

    test('disposing without commit leaves nothing behind', async () => {
      await using snapshots = await open();
      const active = await snapshots.prepare(undefined, signal);
      writeFileSync(join(active.upper, 'f'), 'x');
      await active.mount(signal);
      await active[Symbol.asyncDispose]();
      expect(existsSync(active.upper)).toBe(false);
      expect(snapshots.get(active.id)).toBeUndefined();
    });

    test('what is not committed is no snapshot', async () => {
      await using snapshots = await open();
      await using active = await snapshots.prepare(undefined, signal);
      expect(snapshots.get(active.id)).toBeUndefined();
      await expect(snapshots.prepare(active.id, signal)).rejects.toMatchObject({
        code: 'SNAPSHOT_NOT_FOUND',
      });
    });

    test('a parent cannot be removed before its child', async () => {
      await using snapshots = await open();
      const parent = await commit(snapshots, undefined, () => undefined);
      const child = await commit(snapshots, parent.id, () => undefined);
      await expect(snapshots.remove(parent.id)).rejects.toMatchObject({
        code: 'SNAPSHOT_HAS_CHILDREN',
      });
      await snapshots.remove(child.id);
      await snapshots.remove(parent.id);
      expect(snapshots.get(parent.id)).toBeUndefined();
    });

    test('a parent cannot be removed while a child of it is written or looked at', async () => {
      await using snapshots = await open();
      const parent = await commit(snapshots, undefined, () => undefined);
      const refusal = { code: 'SNAPSHOT_HAS_CHILDREN', class: 'host' };
      {
        await using _active = await snapshots.prepare(parent.id, signal);
        await expect(snapshots.remove(parent.id)).rejects.toMatchObject(refusal);
        expect(await snapshots.removeAll([parent.id])).toEqual([]);
      }
      {
        await using view = await snapshots.view(parent.id, signal);
        await expect(snapshots.remove(parent.id)).rejects.toMatchObject(refusal);
        expect(existsSync(view.root)).toBe(true);
      }
      await snapshots.remove(parent.id);
      await expect(snapshots.remove(parent.id)).rejects.toMatchObject({
        code: 'SNAPSHOT_NOT_FOUND',
      });
    });

    test('removes many at once, children first, and leaves what others are built on', async () => {
      await using snapshots = await open();
      const a = await commit(snapshots, undefined, () => undefined);
      const b = await commit(snapshots, a.id, () => undefined);
      const c = await commit(snapshots, b.id, () => undefined);
      const d = await commit(snapshots, a.id, () => undefined);
      const missing = '000000000000' as SnapshotId;
      expect(await snapshots.removeAll([a.id, missing, b.id, c.id])).toEqual([c.id, b.id]);
      expect([a, b, c, d].map(({ id }) => snapshots.get(id) !== undefined)).toEqual([
        ...[true, false, false, true],
      ]);
      expect(new Set(await snapshots.removeAll([a.id, d.id]))).toEqual(new Set([d.id, a.id]));
    });

    test('the chain goes from the top down', async () => {
      await using snapshots = await open();
      const a = await commit(snapshots, undefined, () => undefined);
      const b = await commit(snapshots, a.id, () => undefined);
      expect(snapshots.chain(b.id).map(({ id }) => id)).toEqual([b.id, a.id]);
    });

    test('keeps modes, links, attributes and nanoseconds', async () => {
      await using snapshots = await open();
      const { dir } = await commit(snapshots, undefined, (root) => {
        const file = join(root, 'tool');
        writeFileSync(file, 'x');
        chmodSync(file, 0o4755);
        linkSync(file, join(root, 'same'));
        symlinkSync('/nowhere', join(root, 'link'));
        lsetxattr(file, 'user.note', Buffer.from([1, 255]));
        utimesNs(file, 1n, 1_234_567_890_123_456_789n);
      });
      const stat = lstatSync(join(dir, 'tool'), { bigint: true });
      expect(stat.mode & 0o7777n).toBe(0o4755n);
      expect(stat.mtimeNs).toBe(1_234_567_890_123_456_789n);
      expect(lstatSync(join(dir, 'same'), { bigint: true }).ino).toBe(stat.ino);
      expect(lgetxattr(join(dir, 'tool'), 'user.note')).toEqual(Buffer.from([1, 255]));
      expect(lstatSync(join(dir, 'link')).isSymbolicLink()).toBe(true);
    });

    test('keeps device nodes, pipes, holes and links between names, also of names in a lower layer', async () => {
      await using snapshots = await open();
      const base = await commit(snapshots, undefined, (root) => {
        mknod(join(root, 'null'), NODE_TYPE.charDevice | 0o666, makeDevice(1, 3));
        mkfifo(join(root, 'pipe'), 0o640);
        const fd = openSync(join(root, 'holes'), 'w');
        writeSync(fd, 'end', 1 << 24);
        closeSync(fd);
        writeFileSync(join(root, 'one'), 'x');
        linkSync(join(root, 'one'), join(root, 'two'));
      });
      const holes = lstatSync(join(base.dir, 'holes'));
      expect(holes.size).toBe((1 << 24) + 3);
      expect(holes.blocks * 512).toBeLessThan(1 << 20);
      expect(lstatSync(join(base.dir, 'null')).rdev).toBe(makeDevice(1, 3));
      expect(lstatSync(join(base.dir, 'pipe')).mode & 0o7777).toBe(0o640);
      const child = await commit(snapshots, base.id, (root) => {
        // As overlayfs has it: a name that is written to is a file of its own from then on.
        appendFileSync(join(root, 'one'), 'y');
        linkSync(join(root, 'one'), join(root, 'three'));
      });
      expect(namesIn(child.dir)).toEqual(['one', 'three']);
      expect(readFileSync(join(child.dir, 'three'), 'utf8')).toBe('xy');
      expect(lstatSync(join(child.dir, 'one')).ino).toBe(lstatSync(join(child.dir, 'three')).ino);
      expect(readFileSync(join(base.dir, 'two'), 'utf8')).toBe('x');
    });

    test('holds what was changed and nothing else, in the form that layers are made of', async () => {
      await using snapshots = await open();
      const base = await commit(snapshots, undefined, (root) => {
        for (const name of ['same', 'mode', 'content', 'gone'])
          writeFileSync(join(root, name), name);
        for (const name of ['kept/below', 'replaced', 'becomes-file', 'moved']) {
          mkdirSync(join(root, name), { recursive: true });
          writeFileSync(join(root, name, 'old'), name);
        }
        for (const name of ['kept/below', 'kept']) utimesNs(join(root, name), 5n, 5n);
      });
      const child = await commit(snapshots, base.id, (root) => {
        chmodSync(join(root, 'mode'), 0o600);
        writeFileSync(join(root, 'content'), 'other');
        rmSync(join(root, 'gone'));
        writeFileSync(join(root, 'kept/below/old'), 'new');
        rmSync(join(root, 'replaced'), { recursive: true });
        mkdirSync(join(root, 'replaced'));
        writeFileSync(join(root, 'replaced/new'), 'new');
        rmSync(join(root, 'becomes-file'), { recursive: true });
        writeFileSync(join(root, 'becomes-file'), 'file');
        execFileSync('mv', ['moved', 'renamed'], { cwd: root });
        mkdirSync(join(root, 'made/for/nothing'), { recursive: true });
        rmSync(join(root, 'made/for'), { recursive: true });
      });
      const changes = [...layerLines(child.dir)].sort();
      expect(changes).toEqual([
        'becomes-file file',
        'content other',
        'gone removed',
        'kept/ at 5',
        'kept/below/ at 5',
        'kept/below/old new',
        'made/',
        'mode mode',
        'moved removed',
        'renamed/',
        'renamed/old moved',
        'replaced/ opaque',
        'replaced/new new',
      ]);
      expect(lstatSync(join(child.dir, 'mode')).mode & 0o777).toBe(0o600);
    });

    test('a view whose changes were kept shows them to the next one', async () => {
      await using snapshots = await open();
      let parent: SnapshotId | undefined;
      for (const text of ['a', 'b', 'c']) {
        const made = await commit(snapshots, parent, (root) => {
          appendFileSync(join(root, 'log'), text);
          if (text === 'b') rmSync(join(root, 'dir'), { recursive: true });
          else mkdirSync(join(root, 'dir'));
          if (text !== 'b') writeFileSync(join(root, 'dir', text), text);
        });
        parent = made.id;
      }
      if (parent === undefined) throw new Error('Nothing was committed');
      await using view = await snapshots.view(parent, signal);
      expect(readFileSync(join(view.root, 'log'), 'utf8')).toBe('abc');
      expect(namesIn(join(view.root, 'dir'))).toEqual(['c']);
    });

    test('what was written before it was shown is seen, and what is done to it counts', async () => {
      await using snapshots = await open();
      await using active = await snapshots.prepare(undefined, signal);
      writeFileSync(join(active.upper, 'before'), 'x');
      writeFileSync(join(active.upper, 'doomed'), 'x');
      {
        await using view = await active.mount(signal);
        expect(namesIn(view.root)).toEqual(['before', 'doomed']);
        rmSync(join(view.root, 'doomed'));
        appendFileSync(join(view.root, 'before'), 'y');
      }
      expect(namesIn(active.upper)).toEqual(['before']);
      expect(readFileSync(join(active.upper, 'before'), 'utf8')).toBe('xy');
    });

    test('a view takes writes and throws them away', async () => {
      await using snapshots = await open();
      const { id, dir } = await commit(snapshots, undefined, (root) =>
        writeFileSync(join(root, 'f'), 'x'),
      );
      {
        await using view = await snapshots.view(id, signal);
        execFileSync('sh', ['-c', 'echo changed > f'], { cwd: view.root });
        expect(readFileSync(join(view.root, 'f'), 'utf8')).toBe('changed\n');
      }
      expect(readFileSync(join(dir, 'f'), 'utf8')).toBe('x');
    });

    test('stacks 300 snapshots', async () => {
      await using snapshots = await open();
      let parent: SnapshotId | undefined;
      for (let i = 0; i < 300; i++) {
        await using active = await snapshots.prepare(parent, signal);
        writeFileSync(join(active.upper, `f${String(i)}`), String(i));
        parent = (await active.commit({ bytes: 1, entries: 1, isEmpty: false })).id;
      }
      if (parent === undefined) throw new Error('Nothing was committed');
      await using view = await snapshots.view(parent, signal);
      expect(readFileSync(join(view.root, 'f0'), 'utf8')).toBe('0');
      expect(readFileSync(join(view.root, 'f299'), 'utf8')).toBe('299');
    });
  });
}
