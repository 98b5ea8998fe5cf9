import { compareBytes, type BytePath } from '../core/bytes.ts';
import { STATE, STATE_WORDS, statNames } from '../host/statx.ts';
import type { FileLocation, Inode, NodeType, TreeNode } from './file-tree.ts';
import { fullMode, inodeOf, joinPath, PERMISSIONS, typeOf } from './node.ts';

/** What is known of a name. */
export const KNOWN = { nothing: 0, node: 1, absent: 2 } as const;
type Known = (typeof KNOWN)[keyof typeof KNOWN];

/** From so many names on, looking at all names of a directory at once is worth what it costs to get ready. */
export const MANY_NAMES = 1000;

/**
 * The names in a directory, and what they were when they were looked at: 73 bytes a file beside its name,
 * where a node takes five times as much.
 */
export class ListedDirectory {
  readonly names: readonly BytePath[];
  readonly #known: Uint8Array;
  readonly #words: Uint32Array;
  /** Where the name after the last one that was asked for is: names are mostly asked for in order. */
  #next = 0;

  /** `names` in byte order. */
  constructor(names: readonly BytePath[]) {
    this.names = names;
    this.#known = new Uint8Array(names.length);
    this.#words = new Uint32Array(names.length * STATE_WORDS);
  }

  /** Which name it is; undefined when it is not in the directory. */
  indexOf(name: BytePath): number | undefined {
    const index = this.names[this.#next] === name ? this.#next : this.#search(name);
    if (index !== undefined) this.#next = index + 1;
    return index;
  }

  knownOf(index: number): Known {
    return (this.#known[index] ?? KNOWN.nothing) as Known;
  }

  /** Keeps that there is no such file, or none that counts. */
  keepAbsent(index: number): void {
    this.#known[index] = KNOWN.absent;
  }

  /** Keeps what a name is. */
  keep(index: number, node: TreeNode): void {
    this.#known[index] = KNOWN.node;
    const words = this.#words;
    const at = index * STATE_WORDS;
    words[at + STATE.mode] = fullMode(node);
    words[at + STATE.uid] = node.uid;
    words[at + STATE.gid] = node.gid;
    words[at + STATE.nlink] = node.nlink;
    setNumber(words, at + STATE.size, node.size);
    setInode(words, at + STATE.ino, node.ino);
    setNumber(words, at + STATE.dev, node.dev);
    setNumber(words, at + STATE.rdev, node.rdev);
    setTime(words, at + STATE.mtimeSeconds, node.mtimeNs);
    setTime(words, at + STATE.ctimeSeconds, node.ctimeNs);
  }

  /** Looks at all names at once. What could not be looked at that way stays unknown. */
  look(hostPath: BytePath): void {
    statNames(hostPath, this.names, this.#words, (index) => {
      this.#known[index] = KNOWN.node;
    });
  }

  /** The type of a name that is known. */
  typeOf(index: number): NodeType {
    return typeOf(this.#words[index * STATE_WORDS + STATE.mode] ?? 0);
  }

  /** What was kept of a name. */
  node(
    index: number,
    directory: FileLocation,
    owner?: { readonly uid: number; readonly gid: number },
  ): TreeNode {
    const words = this.#words;
    const at = index * STATE_WORDS;
    const name = this.names[index] ?? ('' as BytePath);
    const mode = words[at + STATE.mode] ?? 0;
    return {
      path: joinPath(directory.path, name),
      hostPath: joinPath(directory.hostPath, name),
      type: typeOf(mode),
      mode: mode & PERMISSIONS,
      uid: owner?.uid ?? words[at + STATE.uid] ?? 0,
      gid: owner?.gid ?? words[at + STATE.gid] ?? 0,
      size: numberAt(words, at + STATE.size),
      mtimeNs: timeAt(words, at + STATE.mtimeSeconds),
      ctimeNs: timeAt(words, at + STATE.ctimeSeconds),
      dev: numberAt(words, at + STATE.dev),
      ino: inodeAt(words, at + STATE.ino),
      nlink: words[at + STATE.nlink] ?? 0,
      rdev: numberAt(words, at + STATE.rdev),
    };
  }

  /** Where the names are that are directories. */
  *directories(): Generator<number> {
    for (let index = 0; index < this.names.length; index++) {
      if (this.knownOf(index) !== KNOWN.node) continue;
      if (this.typeOf(index) === 'directory') yield index;
    }
  }

  /** The states of all names, and which of them are there, as bytes: not to be changed. */
  states(): readonly Uint8Array[] {
    const { buffer, byteOffset, byteLength } = this.#words;
    return [this.#known, new Uint8Array(buffer, byteOffset, byteLength)];
  }

  /** When the last of the files was touched (mtime or ctime), in nanoseconds since 1970. */
  newestNs(): bigint {
    const words = this.#words;
    let newest = { seconds: 0, ns: 0 };
    for (let at = 0; at < words.length; at += STATE_WORDS) {
      for (const field of [at + STATE.mtimeSeconds, at + STATE.ctimeSeconds]) {
        const seconds = secondsAt(words, field);
        const ns = words[field + 2] ?? 0;
        if (seconds < newest.seconds || (seconds === newest.seconds && ns <= newest.ns)) continue;
        newest = { seconds, ns };
      }
    }
    return BigInt(newest.seconds) * NS + BigInt(newest.ns);
  }

  /** The devices that the files are on: one, but for mount points. */
  devices(): ReadonlySet<number> {
    const devices = new Set<number>();
    let last: number | undefined;
    for (let index = 0; index < this.names.length; index++) {
      if (this.knownOf(index) !== KNOWN.node) continue;
      const dev = numberAt(this.#words, index * STATE_WORDS + STATE.dev);
      if (dev !== last) devices.add(dev);
      last = dev;
    }
    return devices;
  }

  #search(name: BytePath): number | undefined {
    let from = 0;
    let to = this.names.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const order = compareBytes(this.names[middle] ?? '', name);
      if (order === 0) return middle;
      if (order < 0) from = middle + 1;
      else to = middle;
    }
    return undefined;
  }
}

const WORD = 2 ** 32;
const NS = 1_000_000_000n;

function setNumber(words: Uint32Array, at: number, value: number): void {
  words[at] = value % WORD;
  words[at + 1] = Math.floor(value / WORD);
}

function setInode(words: Uint32Array, at: number, inode: Inode): void {
  if (typeof inode === 'number') {
    setNumber(words, at, inode);
    return;
  }
  words[at] = Number(BigInt.asUintN(32, inode));
  words[at + 1] = Number(inode >> 32n);
}

function inodeAt(words: Uint32Array, at: number): Inode {
  const number = numberAt(words, at);
  if (Number.isSafeInteger(number)) return number;
  return inodeOf((BigInt(words[at + 1] ?? 0) << 32n) + BigInt(words[at] ?? 0));
}

function numberAt(words: Uint32Array, at: number): number {
  return (words[at] ?? 0) + (words[at + 1] ?? 0) * WORD;
}

/** Seconds, which may be before 1970, and then nanoseconds, which are never negative. */
function setTime(words: Uint32Array, at: number, ns: bigint): void {
  const rest = ((ns % NS) + NS) % NS;
  const seconds = Number((ns - rest) / NS);
  words[at] = seconds;
  words[at + 1] = Math.floor(seconds / WORD);
  words[at + 2] = Number(rest);
}

function timeAt(words: Uint32Array, at: number): bigint {
  return BigInt(secondsAt(words, at)) * NS + BigInt(words[at + 2] ?? 0);
}

function secondsAt(words: Uint32Array, at: number): number {
  return (words[at] ?? 0) + ((words[at + 1] ?? 0) | 0) * WORD;
}
