import { dirname } from 'node:path';
import { bytesToText, textToBytes, type BytePath } from '../core/bytes.ts';
import type { SeenFile, TreeNode } from '../tree/file-tree.ts';
import { fullMode } from '../tree/node.ts';
import { settledFiles, type SettledFiles } from '../tree/settled-files.ts';
import type { TracedPath } from './build-trace.ts';
import { look, stateOf, type PathAspect, type SeenAtPath, type StatState } from './path-state.ts';

/** Places that a build has looked at. */
export interface LookedAt {
  /** In build contexts, as they were then. */
  readonly seen: Iterable<SeenFile>;
  /** The main context, as it was named: a host path. */
  readonly context: string | undefined;
  /** Other files that were read, or looked for. */
  readonly paths: readonly string[];
}

/** From so many on, working out a build again takes not much longer than looking at each. */
const MAX_PATHS = 4000;

/**
 * The states of what a build has looked at that began at `startedAt` (milliseconds since 1970). Undefined when
 * they do not tell for sure that a later change would be seen, or whether something changed meanwhile: a
 * file was touched since, or a moment before (see `settledFiles`), or another machine dates it.
 */
export function tracePaths(
  { seen, context, paths }: LookedAt,
  startedAt: number,
): readonly TracedPath[] | undefined {
  const startedNs = BigInt(startedAt) * 1_000_000n;
  const traced: TracedPath[] = [];
  const settledIn = new Map<string, SettledFiles>();

  for (const file of seen) {
    const { hostPath, node } = file;
    const aspect = file.isListed ? 'names' : 'node';
    // What an ignore file leaves out is not known.
    const found = node === undefined ? look(hostPath, aspect) : seenNode(node);
    if (!isSettled(hostPath, found, node === undefined)) return undefined;
    if (!add(aspect, hostPath, stateOf(aspect, found))) return undefined;
  }
  for (const path of paths) {
    const bytes = textToBytes(path);
    const found = look(bytes, 'file');
    if (!isSettled(bytes, found, true)) return undefined;
    if (!add('file', bytes, stateOf('file', found))) return undefined;
  }
  if (context === undefined) return traced;
  const place = textToBytes(context);
  const state = stateOf('place', look(place, 'place'));
  // Else the name leads elsewhere by now.
  const isSame =
    traced.length === paths.length || traced.some((path) => `${path[2]} `.startsWith(`${state} `));
  return isSame && add('place', place, state) ? traced : undefined;

  function add(aspect: PathAspect, path: BytePath, state: string): boolean {
    traced.push([aspect, path, state]);
    return traced.length <= MAX_PATHS;
  }

  /** `isLate`: it was looked at when the build was over, and must not have changed while it went on. */
  function isSettled(path: BytePath, { own, leadsTo }: SeenAtPath, isLate: boolean): boolean {
    if (own === undefined) return true;
    const directory = dirname(bytesToText(path));
    const settled = settledIn.get(directory) ?? settledFiles(directory, startedNs);
    settledIn.set(directory, settled);
    return [own, ...(leadsTo === undefined ? [] : [leadsTo])].every(
      ({ dev, mtimeNs, ctimeNs }) =>
        (!isLate || settled.isFine(Number(dev))) &&
        settled.has(larger(mtimeNs, ctimeNs), Number(dev)),
    );
  }
}

function seenNode(node: TreeNode): SeenAtPath {
  return { own: stateOfNode(node), leadsTo: undefined };
}

function stateOfNode(node: TreeNode): StatState {
  return {
    dev: BigInt(node.dev),
    ino: BigInt(node.ino),
    mode: BigInt(fullMode(node)),
    size: BigInt(node.size),
    mtimeNs: node.mtimeNs,
    ctimeNs: node.ctimeNs,
  };
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
