import type { BytePath } from '../core/bytes.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import type { OwnerIds } from './file-owner.ts';
import type { CopyScope } from './file-copy.ts';

export interface Unpacking {
  readonly archive: TreeNode;
  readonly destination: BytePath;
  readonly owner: OwnerIds | undefined;
  readonly scope: CopyScope;
}

export function tryUnpack(_: Unpacking): Promise<boolean> {
  return Promise.resolve(false);
}
