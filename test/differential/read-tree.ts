import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  type BigIntStats,
} from 'node:fs';
import { join } from 'node:path';
import { textToBytes } from '../../src/core/bytes.ts';
import { lgetxattr, llistxattr } from '../../src/host/xattr.ts';

/** What is compared of one file. */
export interface FileFacts {
  readonly type: string;
  /** Octal, with setuid, setgid and sticky. */
  readonly mode: string;
  readonly owner: string;
  /** Bytes; of regular files only. */
  readonly size: string;
  /** Target of a symlink. */
  readonly target: string;
  /** Major and minor number of a device. */
  readonly device: string;
  readonly xattrs: string;
  /** SHA-256 of a regular file. */
  readonly content: string;
  /** Nanoseconds since 1970, or "new" when it is not older than the run. */
  readonly mtime: string;
  /** The other names of this file, when it has some. */
  readonly links: string;
}

/** Files by path, `/` being the root. */
export type TreeFacts = ReadonlyMap<string, FileFacts>;

/** Attributes that the kernel's overlay keeps for itself. */
const OWN_NOTES = 'trusted.overlay.';

/**
 * Reads the files of a chain of layer directories in overlay form, top first. The kernel merges them, so
 * that this does not share code with the program under test.
 */
export function readLayers(
  dirs: readonly string[],
  mountPoint: string,
  newSince: bigint,
): TreeFacts {
  mkdirSync(join(mountPoint, 'empty'), { recursive: true });
  mkdirSync(join(mountPoint, 'root'), { recursive: true });
  const root = join(mountPoint, 'root');
  if (dirs.length === 0) return readTree(join(mountPoint, 'empty'), [], newSince);
  // An overlay without an upper directory needs two lower ones.
  const lowers = [...dirs, join(mountPoint, 'empty')].join(':');
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `ro,lowerdir=${lowers}`, root]);
  try {
    return readTree(root, dirs, newSince);
  } finally {
    execFileSync('umount', [root]);
  }
}

function readTree(root: string, layers: readonly string[], newSince: bigint): TreeFacts {
  const facts = new Map<string, FileFacts>();
  const names = new Map<string, string[]>();
  const stats = new Map<string, BigIntStats>();
  const visit = (path: string): void => {
    const stat = lstatSync(join(root, path), { bigint: true });
    stats.set(path, stat);
    const id = identityOf(path, stat, layers);
    if (id !== undefined) names.set(id, [...(names.get(id) ?? []), path]);
    if (stat.isDirectory())
      for (const name of readdirSync(join(root, path)).sort()) visit(join(path, name));
  };
  visit('/');
  for (const [path, stat] of stats) {
    const links = names.get(identityOf(path, stat, layers) ?? '') ?? [];
    facts.set(path, factsOf(join(root, path), stat, links.length > 1 ? links : [], newSince));
  }
  return facts;
}

/**
 * Same for all names of one file. Names in different layers are different files: no archive of a layer
 * can say otherwise, though a builder may share the bytes on disk.
 */
function identityOf(
  path: string,
  stat: BigIntStats,
  layers: readonly string[],
): string | undefined {
  if (stat.isDirectory() || stat.nlink < 2n) return undefined;
  const layer = layers.findIndex((dir) => existsWithoutFollowing(join(dir, path)));
  return `${String(layer)} ${String(stat.ino)}`;
}

function existsWithoutFollowing(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function factsOf(
  hostPath: string,
  stat: BigIntStats,
  links: readonly string[],
  newSince: bigint,
): FileFacts {
  const isDevice = stat.isCharacterDevice() || stat.isBlockDevice();
  return {
    type: typeOf(stat),
    mode: (Number(stat.mode) & 0o7777).toString(8).padStart(4, '0'),
    owner: `${String(stat.uid)}:${String(stat.gid)}`,
    size: stat.isFile() ? String(stat.size) : '',
    target: stat.isSymbolicLink() ? readlinkSync(hostPath) : '',
    device: isDevice ? String(stat.rdev) : '',
    xattrs: xattrsOf(hostPath),
    content: stat.isFile() ? createHash('sha256').update(readFileSync(hostPath)).digest('hex') : '',
    mtime: stat.mtimeNs >= newSince ? 'new' : String(stat.mtimeNs),
    links: links.join(' '),
  };
}

function typeOf(stat: BigIntStats): string {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'symlink';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  return stat.isCharacterDevice() ? 'char device' : 'block device';
}

function xattrsOf(hostPath: string): string {
  const path = textToBytes(hostPath);
  return llistxattr(path)
    .filter((name) => !name.startsWith(OWN_NOTES))
    .map((name) => `${name}=${lgetxattr(path, name)?.toString('hex') ?? ''}`)
    .join(' ');
}
