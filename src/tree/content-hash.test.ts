import fc from 'fast-check';
import {
  chmodSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fsPath } from '../core/bytes.ts';
import { lsetxattr } from '../host/xattr.ts';
import { openChainTree } from './chain-tree.ts';
import { hashSelection } from './content-hash.ts';
import { openHashCache, type HashCache } from './hash-cache.ts';
import { selectFiles, type Selection } from './select-files.ts';
import { settledFiles } from './settled-files.ts';
import type { TreeNode } from './file-tree.ts';
import { readLink } from './node.ts';
import { walkSelected } from './walk-selected.ts';
import { selectionOf } from '../testing/selection.ts';

const { signal } = new AbortController();
const isRoot = process.geteuid?.() === 0;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'hash-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function hash(root: string, source = '/d', more: Partial<Selection> = {}): Promise<string> {
  return hashSelection(openChainTree([root]), selectionOf(source, more), {}, signal);
}

function makeTree(root: string): string {
  mkdirSync(path.join(root, 'd/s'), { recursive: true });
  for (const name of ['d', 'd/s']) chmodSync(path.join(root, name), 0o755);
  writeFileSync(path.join(root, 'd/f'), 'F', { mode: 0o644 });
  writeFileSync(path.join(root, 'd/s/g'), 'G', { mode: 0o644 });
  symlinkSync('f', path.join(root, 'd/l'));
  return root;
}

describe('hashSelection()', () => {
  test.each<[string, (root: string) => void]>([
    [
      'a content',
      (root) => {
        writeFileSync(path.join(root, 'd/f'), 'f');
      },
    ],
    [
      'a name',
      (root) => {
        writeFileSync(path.join(root, 'd/new'), '');
      },
    ],
    [
      'an empty directory',
      (root) => {
        mkdirSync(path.join(root, 'd/new'));
      },
    ],
    [
      'a mode',
      (root) => {
        chmodSync(path.join(root, 'd/f'), 0o600);
      },
    ],
    [
      'the mode of a sub-directory',
      (root) => {
        chmodSync(path.join(root, 'd/s'), 0o700);
      },
    ],
    [
      'a link target',
      (root) => {
        rmSync(path.join(root, 'd/l'));
        symlinkSync('g', path.join(root, 'd/l'));
      },
    ],
    [
      'a user attribute',
      (root) => {
        lsetxattr(path.join(root, 'd/f'), 'user.a', Buffer.from('1'));
      },
    ],
    [
      'a type',
      (root) => {
        rmSync(path.join(root, 'd/l'));
        writeFileSync(path.join(root, 'd/l'), 'f');
      },
    ],
  ])('changes with %s', async (_what, change) => {
    const root = makeTree(path.join(dir, 'a'));
    const before = await hash(root);
    change(root);
    expect(await hash(root)).not.toBe(before);
  });

  test.runIf(isRoot)('changes with an owner and with a file capability', async () => {
    const root = makeTree(path.join(dir, 'a'));
    const hashes = [await hash(root)];
    lchownSync(path.join(root, 'd/s/g'), 5, 0);
    hashes.push(await hash(root));
    lchownSync(path.join(root, 'd/s/g'), 5, 5);
    hashes.push(await hash(root));
    lsetxattr(
      path.join(root, 'd/s/g'),
      'security.capability',
      Buffer.from('0100000200200000000000000000000000000000', 'hex'),
    );
    hashes.push(await hash(root));
    expect(new Set(hashes).size).toBe(4);
  });

  test.each<[string, (root: string) => void]>([
    [
      'times',
      (root) => {
        utimesSync(path.join(root, 'd/f'), 1, 1);
      },
    ],
    [
      'files beside the source',
      (root) => {
        writeFileSync(path.join(root, 'other'), '');
      },
    ],
    [
      'the mode of the directory whose contents are copied',
      (root) => {
        chmodSync(path.join(root, 'd'), 0o700);
      },
    ],
    [
      'attributes of overlayfs',
      (root) => {
        lsetxattr(path.join(root, 'd/s'), 'user.overlay.origin', Buffer.from('1'));
      },
    ],
  ])('does not change with %s', async (_what, change) => {
    const root = makeTree(path.join(dir, 'a'));
    const before = await hash(root);
    change(root);
    expect(await hash(root)).toBe(before);
  });

  test('does not depend on where the files are, as long as the result has no such name', async () => {
    const root = makeTree(path.join(dir, 'a'));
    mkdirSync(path.join(root, 'x'));
    makeTree(path.join(root, 'x'));
    expect(await hash(root, '/x/d')).toBe(await hash(root, '/d'));
    expect(await hash(root, '/x/d/f')).toBe(await hash(root, '/d/f'));
    expect(await hash(root, '/d/f')).not.toBe(await hash(root, '/d/s/g'));
  });

  test('tells a content from the same content with an attribute', async () => {
    const root = makeTree(path.join(dir, 'a'));
    writeFileSync(path.join(root, 'd/f'), '');
    const plain = await hash(root, '/d/f');
    lsetxattr(path.join(root, 'd/f'), 'user.a', Buffer.alloc(0));
    expect(await hash(root, '/d/f')).not.toBe(plain);
  });

  const file = fc.record({
    path: fc.constantFrom('a', 'b', 'ab', 'a b', 'x/a', 'x/b', 'x', 'x/y/z', '10:a', 'ü'),
    content: fc.constantFrom('', 'a', '1:a', 'file'),
    mode: fc.constantFrom(0o644, 0o755),
    link: fc.boolean(),
  });
  const files = fc.uniqueArray(file, { selector: (one) => one.path, maxLength: 5 });

  test('is equal if and only if the listing is equal', async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(files, files, async (left, right) => {
        const [a, b] = [left, right].map((list) => {
          const root = path.join(dir, String(count++));
          mkdirSync(path.join(root, 'd'), { recursive: true });
          for (const one of list) {
            const target = path.join(root, 'd', one.path);
            if (list.some((other) => isInTheWay(other.path, one.path))) continue;
            mkdirSync(path.dirname(target), { recursive: true });
            if (one.link) symlinkSync(`to${one.content}`, target);
            else writeFileSync(target, one.content);
            if (!one.link) chmodSync(target, one.mode);
          }
          return root;
        });
        if (a === undefined || b === undefined) throw new Error('Two trees were made');
        const isSame = JSON.stringify(listing(a)) === JSON.stringify(listing(b));
        expect((await hash(a)) === (await hash(b))).toBe(isSame);
      }),
      { numRuns: 150 },
    );
  });
});

/** One file of the list is where another one needs a directory. */
function isInTheWay(other: string, name: string): boolean {
  return name.startsWith(`${other}/`);
}

function listing(root: string): unknown[] {
  const tree = openChainTree([root]);
  return selectFiles(tree, selectionOf('/d'), undefined).flatMap((one) =>
    [...walkSelected(tree, one)]
      .slice(1)
      .map(({ node, path: below }) => [below, node.type, node.mode, contentOf(node)]),
  );
}

function contentOf(node: TreeNode): string {
  if (node.type === 'directory') return '';
  return node.type === 'symlink'
    ? readLink(node)
    : readFileSync(Buffer.from(node.hostPath, 'latin1'), 'utf8');
}

describe('hashSelection() with a cache', () => {
  const HOUR_NS = 3_600_000_000_000n;
  const open = (nowNs: () => bigint): HashCache =>
    openHashCache({
      file: path.join(dir, 'cache', 'context'),
      settled: settledFiles(dir, nowNs()),
    });
  const later = (): bigint => BigInt(Date.now()) * 1_000_000n + HOUR_NS;

  interface Counted {
    readonly cache: HashCache;
    reads: number;
  }
  function counted(cache: HashCache): Counted {
    const result: Counted = {
      reads: 0,
      cache: {
        get: (node) => cache.get(node),
        put: (node, digest) => {
          if (!statSync(fsPath(node.hostPath)).isDirectory()) result.reads++;
          cache.put(node, digest);
        },
        save: () => {
          cache.save();
        },
      },
    };
    return result;
  }
  async function hashWith(root: string, { cache }: Counted): Promise<string> {
    return hashSelection(openChainTree([root]), selectionOf('/d'), { cache }, signal);
  }

  test('reads every file once, in this build and in later ones', async () => {
    const root = makeTree(path.join(dir, 'a'));
    const first = counted(open(later));
    const value = await hashWith(root, first);
    expect(await hashWith(root, first)).toBe(value);
    expect(first.reads).toBe(2);
    first.cache.save();
    const second = counted(open(later));
    expect(await hashWith(root, second)).toBe(value);
    expect(second.reads).toBe(0);
    writeFileSync(path.join(root, 'd/f'), 'changed');
    expect(await hashWith(root, second)).not.toBe(value);
    expect(second.reads).toBe(1);
  });

  test('sees a change that keeps size and mtime', async () => {
    const root = makeTree(path.join(dir, 'a'));
    utimesSync(path.join(root, 'd/f'), 1, 1);
    const first = counted(open(later));
    const value = await hashWith(root, first);
    first.cache.save();
    writeFileSync(path.join(root, 'd/f'), 'X');
    utimesSync(path.join(root, 'd/f'), 1, 1);
    expect(await hashWith(root, counted(open(later)))).not.toBe(value);
  });

  test('does not trust in a later build what had not settled when it was read', async () => {
    const root = makeTree(path.join(dir, 'a'));
    const now = (): bigint => BigInt(Date.now()) * 1_000_000n - HOUR_NS;
    const first = counted(open(now));
    await hashWith(root, first);
    first.cache.save();
    const second = counted(open(now));
    await hashWith(root, second);
    expect(second.reads).toBe(2);
  });

  test.each<[string, (file: string) => void]>([
    [
      'cut short',
      (file) => {
        truncateSync(file, 100);
      },
    ],
    [
      'with a flipped bit',
      (file) => {
        const bytes = readFileSync(file);
        bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1);
        writeFileSync(file, bytes);
      },
    ],
    [
      'full of zeros',
      (file) => {
        writeFileSync(file, Buffer.alloc(readFileSync(file).length));
      },
    ],
    [
      'gone',
      (file) => {
        rmSync(file);
      },
    ],
  ])('reads all again when its file is %s', async (_what, damage) => {
    const root = makeTree(path.join(dir, 'a'));
    const first = counted(open(later));
    const value = await hashWith(root, first);
    first.cache.save();
    const [name = ''] = readdirSync(path.join(dir, 'cache'));
    damage(path.join(dir, 'cache', name));
    const second = counted(open(later));
    expect(await hashWith(root, second)).toBe(value);
    expect(second.reads).toBe(2);
  });

  test('stops when the build is aborted', async () => {
    const root = makeTree(path.join(dir, 'a'));
    const controller = new AbortController();
    controller.abort(new Error('stopped'));
    await expect(
      hashSelection(openChainTree([root]), selectionOf('/d'), {}, controller.signal),
    ).rejects.toThrow('stopped');
  });
});

test('many files have the same hash whether other threads help or not', async () => {
  const root = path.join(dir, 'many');
  mkdirSync(root);
  // More than one thread reads alone; a prefix of them is read by one.
  for (let i = 0; i < 1500; i++)
    writeFileSync(path.join(root, `f${String(i)}`), `text ${String(i)}`);
  const hashOf = async (cache?: HashCache): Promise<string> =>
    hashSelection(openChainTree([root]), selectionOf('/'), { cache }, signal);
  const cache = openHashCache({
    file: path.join(dir, 'cache', 'many'),
    settled: settledFiles(dir, BigInt(Date.now()) * 1_000_000n),
  });
  const first = await hashOf(cache);
  // From the cache, which threads filled, and without one.
  expect(await hashOf(cache)).toBe(first);
  expect(await hashOf()).toBe(first);
  writeFileSync(path.join(root, 'f1499'), 'other text');
  expect(await hashOf(cache)).not.toBe(first);
});
