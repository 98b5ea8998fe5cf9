import { textToBytes, type BytePath } from '../core/bytes.ts';
import { listEntries } from '../host/list-entries.ts';
import type { TreeNode } from './file-tree.ts';
import { joinPath, readNode } from './node.ts';
import { isOpaque } from './opaque.ts';
import { isWhiteout } from './whiteout.ts';

/** So many names are looked for in vain, one system call each, before a directory is listed instead. */
const MAX_VAIN = 256;

/**
 * Frozen directories in overlay upper form on one another, of which more can be put on top. What was found
 * out about those below is shared with what is put on them, so that a step on a thousand layers costs what a
 * step on one costs.
 */
export class LayerStack {
  /** How many of the directories count. */
  readonly height: number;
  readonly #shared: Shared;

  private constructor(shared: Shared, height: number) {
    this.#shared = shared;
    this.height = height;
  }

  /** `dirs` bottom first. */
  static of(dirs: readonly string[]): LayerStack {
    return new LayerStack(sharedOf(dirs.map(textToBytes)), dirs.length);
  }

  /** The same with `dir` on top. */
  with(dir: string): LayerStack {
    const { dirs, root } = this.#shared;
    const path = textToBytes(dir);
    // Something else was put on the same layers before.
    if (dirs.length > this.height) {
      return new LayerStack(sharedOf([...dirs.slice(0, this.height), path]), this.height + 1);
    }
    root.add(dirs.length, path);
    dirs.push(path);
    return new LayerStack(this.#shared, dirs.length);
  }

  get top(): BytePath | undefined {
    return this.#shared.dirs[this.height - 1];
  }

  /** What is at the root of all of them. */
  get root(): StackedDirectory {
    return this.#shared.root;
  }
}

interface Shared {
  /** Bottom first. */
  readonly dirs: BytePath[];
  readonly root: StackedDirectory;
}

function sharedOf(dirs: BytePath[]): Shared {
  const root = new StackedDirectory();
  for (const [layer, dir] of dirs.entries()) root.add(layer, dir);
  return { dirs, root };
}

/** What one layer has under a name. */
export type Place =
  | { readonly kind: 'removed' | 'file'; readonly layer: number; readonly host: BytePath }
  | {
      readonly kind: 'directory';
      readonly layer: number;
      readonly host: BytePath;
      /** It, merged with what shows through from below. */
      readonly directory: StackedDirectory;
    };

interface Seen {
  /** In how many of the host directories was looked, from the bottom. */
  checked: number;
  /** Bottom first. */
  readonly places: Place[];
}

/**
 * One directory of a stack: the host directories that are merged into it, from the lowest that shows
 * through on. Whoever asks says of how many layers.
 */
export class StackedDirectory {
  /** Bottom first, and the layers that they are in. */
  readonly #hosts: BytePath[] = [];
  readonly #layers: number[] = [];
  readonly #names = new Map<BytePath, Seen>();
  /** All names of so many host directories are known, from the bottom. */
  #listed = 0;
  #vain = 0;

  /** `layer` is above all that were added before. */
  add(layer: number, host: BytePath): void {
    this.#layers.push(layer);
    this.#hosts.push(host);
  }

  /** How many host directories it has in the lowest `height` layers. */
  count(height: number): number {
    return countBelow(this.#layers.length, (index) => this.#layers[index], height);
  }

  /** Those, top first. */
  hosts(height: number): readonly BytePath[] {
    return this.#hosts.slice(0, this.count(height)).reverse();
  }

  /** What is seen under a name in the lowest `height` layers. */
  find(name: BytePath, height: number): Place | undefined {
    const count = this.count(height);
    const missing = count - Math.max(this.#listed, this.#names.get(name)?.checked ?? 0);
    if (missing > 0 && this.#vain + missing > MAX_VAIN) this.#list(count);
    else if (missing > 0) this.#look(name, count);
    return placeAt(this.#names.get(name), height);
  }

  /** What there is to be seen in the lowest `height` layers, in no particular order. */
  names(height: number): BytePath[] {
    this.#list(this.count(height));
    const names: BytePath[] = [];
    for (const [name, seen] of this.#names) {
      const place = placeAt(seen, height);
      if (place !== undefined && place.kind !== 'removed') names.push(name);
    }
    return names;
  }

  #look(name: BytePath, count: number): void {
    const seen = this.#seen(name);
    for (let index = Math.max(this.#listed, seen.checked); index < count; index++) {
      const host = joinPath(this.#hosts[index] ?? name, name);
      const node = readNode(host, name);
      if (node === undefined) this.#vain++;
      else this.#keep(seen, index, host, kindOf(node));
    }
    seen.checked = count;
  }

  #list(count: number): void {
    for (let index = this.#listed; index < count; index++) {
      const above = this.#hosts[index];
      if (above === undefined) continue;
      for (const entry of listEntries(above)) {
        const { name } = entry;
        const seen = this.#seen(name);
        if (seen.checked > index) continue;
        const host = joinPath(above, name);
        const mayBeWhiteout = entry.isCharacterDevice() || entry.isSocket();
        const node = mayBeWhiteout ? readNode(host, name) : undefined;
        const isRemoved = node !== undefined && isWhiteout(node);
        const kind = isRemoved ? 'removed' : entry.isDirectory() ? 'directory' : 'file';
        this.#keep(seen, index, host, kind);
        seen.checked = index + 1;
      }
    }
    this.#listed = Math.max(this.#listed, count);
  }

  #seen(name: BytePath): Seen {
    let seen = this.#names.get(name);
    if (seen === undefined) this.#names.set(name, (seen = { checked: 0, places: [] }));
    return seen;
  }

  #keep({ places }: Seen, index: number, host: BytePath, kind: Place['kind']): void {
    const layer = this.#layers[index] ?? 0;
    if (kind !== 'directory') {
      places.push({ kind, layer, host });
      return;
    }
    const below = places.at(-1);
    const merges = below?.kind === 'directory' && !isOpaque(host);
    const directory = merges ? below.directory : new StackedDirectory();
    directory.add(layer, host);
    places.push({ kind, layer, host, directory });
  }
}

function kindOf(node: TreeNode): Place['kind'] {
  if (isWhiteout(node)) return 'removed';
  return node.type === 'directory' ? 'directory' : 'file';
}

function placeAt(seen: Seen | undefined, height: number): Place | undefined {
  if (seen === undefined) return undefined;
  const { places } = seen;
  return places[countBelow(places.length, (index) => places[index]?.layer, height) - 1];
}

/** How many of the first `length` layers, which go up, are below `height`. Mostly all of them. */
function countBelow(
  length: number,
  layerAt: (index: number) => number | undefined,
  height: number,
): number {
  let from = 0;
  let to = length;
  let middle = length - 1;
  while (from < to) {
    if ((layerAt(middle) ?? 0) < height) from = middle + 1;
    else to = middle;
    middle = (from + to) >>> 1;
  }
  return from;
}
