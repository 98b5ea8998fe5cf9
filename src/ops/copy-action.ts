import type { CopyAction, OpId } from './op.ts';

/** What the options of a copy can be besides what is copied whither. */
export type CopyOptions = Omit<CopyAction, 'action' | 'from' | 'source' | 'destination'>;

/** Exactly what is named is copied, as it is: the options that BuildKit's LLB has unless others are said. */
const PLAIN: CopyOptions = {
  owner: undefined,
  mode: undefined,
  followsSymlink: false,
  copiesDirContents: false,
  unpacksArchives: false,
  allowsWildcard: false,
  allowsEmptyWildcard: false,
  createsDestPath: true,
  keepsParents: false,
  excludes: [],
};

/** Copies `source` of `from` to `destination`; parents of it are made. `options` is what is not plain. */
export function copyAction(
  from: OpId,
  source: string,
  destination: string,
  options: Partial<CopyOptions> = {},
): CopyAction {
  return { action: 'copy', from, source, destination, ...PLAIN, ...options };
}
