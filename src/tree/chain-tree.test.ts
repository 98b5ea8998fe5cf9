import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { textToBytes } from '../core/bytes.ts';
import { mknod } from '../host/sys.ts';
import { lsetxattr } from '../host/xattr.ts';
import { openChainTree } from './chain-tree.ts';
import type { FileTree } from './file-tree.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'chain-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Makes one layer; a value is a file's content, `-> x` a link, `whiteout`, `dir` or `opaque`. */
function layer(name: string, files: Readonly<Record<string, string>>): string {
  const root = path.join(dir, name);
  mkdirSync(root);
  for (const [file, what] of Object.entries(files)) {
    const target = path.join(root, file);
    mkdirSync(path.dirname(target), { recursive: true });
    if (what === 'whiteout') mknod(target, 0o020000, 0);
    else if (what === 'dir') mkdirSync(target, { recursive: true });
    else if (what === 'opaque') {
      mkdirSync(target, { recursive: true });
      lsetxattr(target, 'user.overlay.opaque', Buffer.from('y'));
    } else if (what.startsWith('-> ')) symlinkSync(what.slice(3), target);
    else writeFileSync(target, what);
  }
  return root;
}

function at(tree: FileTree, file: string, followsLast = true): string | undefined {
  const node = tree.lookup(textToBytes(file), { followsLast });
  return node === undefined ? undefined : `${node.type} ${node.path} ${node.size}`;
}

function names(tree: FileTree, file: string): readonly string[] | undefined {
  const node = tree.lookup(textToBytes(file), { followsLast: true });
  return node === undefined ? undefined : tree.list(node);
}

describe.each([false, true])('openChainTree() with isTopWritable %s', (isTopWritable) => {
  const open = (...dirs: string[]): FileTree => openChainTree(dirs, { isTopWritable });

  test('says of many files what it says of each', () => {
    const many = (from: number): Record<string, string> =>
      Object.fromEntries(
        Array.from({ length: 700 }, (_, i) => [`n${String(from + i)}`, String(i)]),
      );
    const inside = (directory: string, files: Record<string, string>): Record<string, string> =>
      Object.fromEntries(
        Object.entries(files).map(([name, what]) => [`${directory}/${name}`, what]),
      );
    const low = layer('low', { ...inside('a', many(0)), ...inside('b', many(0)), 'z/s/f': 'old' });
    const top = layer('top', {
      ...inside('a', many(500)),
      ...inside('c', many(0)),
      'b/n3': 'whiteout',
      'c/gone': 'whiteout',
      'c/link': '-> n1',
      'd/e/f': 'new',
    });
    const listing = open(top, low);
    const looking = open(top, low);
    const below = (tree: FileTree, directory: string): unknown[] => {
      const node = tree.lookup(textToBytes(directory), { followsLast: true });
      if (node === undefined) return [];
      return tree.list(node).flatMap((name) => {
        const child = listing.child(node, name);
        const own = looking.lookup(textToBytes(`${directory}/${name}`), { followsLast: false });
        expect(child).toEqual(own);
        const isDirectory = child?.type === 'directory';
        return [name, ...(isDirectory ? below(tree, `${directory}/${name}`) : [])];
      });
    };
    const found = ['/a', '/b', '/c', '/d', '/z'].map((each) => below(listing, each));
    expect(found.map(({ length }) => length)).toEqual([1200, 699, 701, 2, 2]);
  });

  test('merges directories, the top file winning', () => {
    const low = layer('low', { 'a/one': '1', 'a/both': '22' });
    const top = layer('top', { 'a/two': '333', 'a/both': '4444' });
    const tree = open(top, low);
    expect(names(tree, '/a')).toEqual(['both', 'one', 'two']);
    expect(at(tree, '/a/both')).toBe('file /a/both 4');
    expect(at(tree, '/a/one')).toBe('file /a/one 1');
  });

  test('does not show what a whiteout removed, at any depth', () => {
    const low = layer('low', { 'a/one': '1', 'b/c/d': '2' });
    const middle = layer('middle', { 'a/one': 'whiteout', b: 'whiteout', 'z/x': 'whiteout' });
    const tree = open(layer('top', { 'a/two': '3' }), middle, low);
    expect(names(tree, '/')).toEqual(['a', 'z']);
    expect(names(tree, '/a')).toEqual(['two']);
    expect(names(tree, '/z')).toEqual([]);
    expect(at(tree, '/b/c/d')).toBeUndefined();
    expect(at(tree, '/a/one')).toBeUndefined();
  });

  test('does not show what lies below an opaque directory', () => {
    const low = layer('low', { 'a/old': '1', 'a/deep/old': '1' });
    const tree = open(layer('top', { 'a/deep/x': '1' }), layer('middle', { a: 'opaque' }), low);
    expect(names(tree, '/a')).toEqual(['deep']);
    expect(names(tree, '/a/deep')).toEqual(['x']);
  });

  test('a file hides the directory below it, and the one below that', () => {
    const low = layer('low', { 'a/old': '1' });
    const tree = open(layer('top', { 'a/new': '1' }), layer('middle', { a: 'file' }), low);
    expect(names(tree, '/a')).toEqual(['new']);
    expect(at(open(path.join(dir, 'middle'), low), '/a')).toBe('file /a 4');
    expect(at(open(path.join(dir, 'middle'), low), '/a/old')).toBeUndefined();
  });

  test('resolves links inside the tree, across layers', () => {
    const low = layer('low', { 'usr/bin/sh': 'sh', bin: '-> usr/bin', 'etc/passwd': 'x' });
    const top = layer('top', { abs: '-> /bin/sh', up: '-> ../../../../etc/passwd', dead: '-> no' });
    const tree = open(top, low);
    expect(at(tree, '/bin/sh')).toBe('file /usr/bin/sh 2');
    expect(at(tree, '/abs')).toBe('file /usr/bin/sh 2');
    expect(at(tree, '/abs', false)).toBe('symlink /abs 7');
    expect(at(tree, '/up')).toBe('file /etc/passwd 1');
    expect(at(tree, '/dead')).toBeUndefined();
    expect(at(tree, '/../..')).toBe(at(tree, '/'));
  });

  test('a loop of links is an error', () => {
    const tree = open(layer('top', { a: '-> b', b: '-> a' }));
    expect(() => at(tree, '/a/x')).toThrow(
      'Cannot look up "/a/x": it leads through more than 255 symbolic links',
    );
  });

  test('keeps names that are not UTF-8', () => {
    const top = layer('top', { d: 'dir' });
    writeFileSync(Buffer.concat([Buffer.from(`${top}/d/`), Buffer.from([0xff, 0x41])]), '');
    expect(names(open(top), '/d')).toEqual(['\u00ffA']);
  });

  test.each(['/a\0b', `/${'x'.repeat(300)}`, '/file/below', '/no/no'])(
    '%j is not there',
    (file) => {
      expect(at(open(layer('top', { file: '' })), file)).toBeUndefined();
    },
  );
});

describe('openChainTree()', () => {
  test('of no directories is empty', () => {
    expect(names(openChainTree([]), '/')).toEqual([]);
    expect(at(openChainTree([]), '/x')).toBeUndefined();
  });

  test('with isTopWritable sees what is written later', () => {
    const low = layer('low', { 'a/low': '1', 'b/low': '1' });
    const top = layer('top', {});
    const tree = openChainTree([top, low], { isTopWritable: true });
    const a = tree.lookup(textToBytes('/a'), { followsLast: true });
    if (a === undefined) throw new Error('/a is missing');
    expect(tree.list(a)).toEqual(['low']);
    mkdirSync(path.join(top, 'a'));
    writeFileSync(path.join(top, 'a/new'), '');
    mknod(path.join(top, 'b'), 0o020000, 0);
    expect(tree.list(a)).toEqual(['low', 'new']);
    expect(names(tree, '/')).toEqual(['a']);
    rmSync(path.join(top, 'b'));
    expect(names(tree, '/')).toEqual(['a', 'b']);
  });
});
