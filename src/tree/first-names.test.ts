import { expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import type { TreeNode } from './file-tree.ts';
import { FirstNames } from './first-names.ts';
import { inodeOf } from './node.ts';

test('FirstNames tell files apart whose inodes are too large for numbers', () => {
  const names = new FirstNames();
  const firstNameOf = (inode: bigint, name: string): string | undefined => {
    const node = { type: 'file', nlink: 2, dev: 1, ino: inodeOf(inode) } as TreeNode;
    return names.note(node, name as BytePath);
  };
  expect(firstNameOf(2n ** 60n, 'a')).toBeUndefined();
  expect(firstNameOf(2n ** 60n + 1n, 'b')).toBeUndefined();
  expect(firstNameOf(2n ** 60n, 'c')).toBe('a');
  expect(firstNameOf(2n ** 60n + 1n, 'd')).toBe('b');
});

test('FirstNames give many files the names that they came with first', () => {
  const names = new FirstNames();
  const linked = (ino: number): TreeNode => ({ type: 'file', nlink: 2, dev: 1, ino }) as TreeNode;
  const nameOf = (i: number): BytePath =>
    `d${String(i >> 7)}/${'x'.repeat(i % 200)}${String(i)}` as BytePath;
  for (let i = 1; i <= 5000; i++) expect(names.note(linked(i), nameOf(i))).toBeUndefined();
  for (let i = 5000; i >= 1; i--) expect(names.note(linked(i), 'late' as BytePath)).toBe(nameOf(i));
});

test('FirstNames keep files of several layers and devices apart, and know only files with several names', () => {
  const names = new FirstNames();
  const node = { type: 'file', nlink: 2, dev: 1, ino: 5 } as TreeNode;
  const note = (name: string, changed: Partial<TreeNode>, layer?: string): string | undefined =>
    names.note({ ...node, ...changed }, name as BytePath, layer);
  expect(note('a', {})).toBeUndefined();
  expect(note('b', { dev: 2 })).toBeUndefined();
  expect(note('c', {}, 'other')).toBeUndefined();
  expect(note('d', { nlink: 1 })).toBeUndefined();
  expect(note('e', { type: 'directory' })).toBeUndefined();
  expect([note('f', {}), note('f', { dev: 2 }), note('f', {}, 'other')]).toEqual(['a', 'b', 'c']);
});
