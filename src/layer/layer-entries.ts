import { readdirSync } from 'node:fs';
import { compareBytes, fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { FirstNames } from '../tree/first-names.ts';
import { KNOWN, ListedDirectory } from '../tree/listed-directory.ts';
import { joinPath, readNode } from '../tree/node.ts';
import { isWhiteout } from '../tree/whiteout.ts';
import { isOpaque } from '../tree/opaque.ts';
import { nodeEntry, type LayerEntry } from './node-entry.ts';
import type { TarEntry } from './tar-entry.ts';

/** Names that mean something else than a file in a layer (OCI image-spec layer.md, "Whiteouts"). */
export const WHITEOUT_PREFIX = '.wh.';
export const OPAQUE_WHITEOUT = '.wh..wh..opq';

/**
 * The entries of a layer, from a directory in overlay upper form: each directory, then its names in
 * byte order. Whiteouts of overlayfs become those of layers. The root directory has no entry of its own.
 *
 * `clampMtime` is the latest time in seconds; undefined keeps all times.
 */
export function* layerEntries(
  dir: string,
  clampMtime: number | undefined,
): Generator<LayerEntry, void> {
  const scope: Scope = { names: new FirstNames(), clampMtime };
  yield* directoryEntries(textToBytes(dir), '' as BytePath, scope);
}

interface Scope {
  readonly names: FirstNames;
  readonly clampMtime: number | undefined;
}

function* directoryEntries(
  hostDir: BytePath,
  name: BytePath,
  scope: Scope,
): Generator<LayerEntry, void> {
  const names = readdirSync(fsPath(hostDir), { encoding: 'latin1' }) as BytePath[];
  const listed = new ListedDirectory(names.sort(compareBytes));
  listed.look(hostDir);
  const directory = { path: name, hostPath: hostDir };
  for (const [index, child] of names.entries()) {
    const path = (name === '' ? child : `${name}/${child}`) as BytePath;
    const hostPath = joinPath(hostDir, child);
    const isKnown = listed.knownOf(index) === KNOWN.node;
    const node = isKnown ? listed.node(index, directory) : readNode(hostPath, path);
    if (node === undefined) continue;
    if (isWhiteout(node)) {
      yield { entry: marker(name, `${WHITEOUT_PREFIX}${child}`), hostPath: undefined };
      continue;
    }
    if (node.type === 'socket') continue;
    const first = scope.names.note(node, path);
    yield nodeEntry(node, { name: path, first }, scope.clampMtime);
    if (node.type !== 'directory') continue;
    if (isOpaque(hostPath)) yield { entry: marker(path, OPAQUE_WHITEOUT), hostPath: undefined };
    yield* directoryEntries(hostPath, path, scope);
  }
}

function marker(directory: BytePath, name: string): TarEntry {
  return {
    name: (directory === '' ? name : `${directory}/${name}`) as BytePath,
    type: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    linkName: undefined,
    devMajor: 0,
    devMinor: 0,
    xattrs: [],
  };
}
