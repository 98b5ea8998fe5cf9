import { expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { inodeOf } from '../tree/node.ts';
import { FirstNames } from './node-entry.ts';

test('FirstNames tell files apart whose inodes are too large for numbers', () => {
  const names = new FirstNames();
  const firstNameOf = (inode: bigint, name: string): string | undefined => {
    const node = { type: 'file', nlink: 2, dev: 1, ino: inodeOf(inode) } as TreeNode;
    return names.note(node, name as BytePath).first;
  };
  expect(firstNameOf(2n ** 60n, 'a')).toBeUndefined();
  expect(firstNameOf(2n ** 60n + 1n, 'b')).toBeUndefined();
  expect(firstNameOf(2n ** 60n, 'c')).toBe('a');
  expect(firstNameOf(2n ** 60n + 1n, 'd')).toBe('b');
});
