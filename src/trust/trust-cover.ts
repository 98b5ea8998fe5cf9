import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  type BigIntStats,
} from 'node:fs';
import { dirname } from 'node:path';
import { bytesToText, fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { utimesNs } from '../host/sys.ts';
import { copyMetadata } from '../tree/copy-up.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { joinPath, ROOT } from '../tree/node.ts';
import type { AddedCertificates } from './added-certificates.ts';
import type { Authority } from './authorities.ts';
import { JAVA_PARENTS, javaStores, PEM_BUNDLES } from './bundle-paths.ts';
import { addToJavaKeyStore } from './java-key-store.ts';
import { addToPem } from './pem-bundle.ts';
import { addToPkcs12 } from './pkcs12-store.ts';

/**
 * The bundles of an image with authorities added, for the time of one step. They are shown by a layer
 * between the image and what the step writes, so an untouched bundle leaves nothing behind, and one
 * that the step makes anew (dpkg, update-ca-certificates) replaces it like any file.
 */
export interface TrustCover {
  /** The image's own PEM bundle, as the first known place has it; undefined when it has none. */
  readonly ownBundle: string | undefined;
  /** Fills the directory of that layer. */
  readonly fill: (dir: string) => void;
  /** Takes what was added out of what the step wrote to `upper`, times kept. */
  readonly strip: (upper: string) => void;
}

/** A larger file is no bundle. */
const MAX_BUNDLE_BYTES = 16 * 1024 * 1024;
/** A directory that holds one Java holds no more. */
const MAX_JAVAS = 64;
/** Names that copies of bundles have. */
const BUNDLE_NAME = /(?:\.crt|\.pem|\.cer|\.jks|cacerts)$/;

interface Covered {
  readonly node: TreeNode;
  readonly added: AddedCertificates;
}

/** Looks for bundles in `tree`. `javaHome` is one more place of a Java. Nothing is written yet. */
export function coverBundles(
  tree: FileTree,
  javaHome: string | undefined,
  authorities: readonly Authority[],
): TrustCover {
  const covered = new Map<BytePath, Covered>();
  let ownBundle: string | undefined;
  for (const path of PEM_BUNDLES) {
    const found = readBundle(tree, path);
    if (found === undefined) continue;
    ownBundle ??= found.content.toString('latin1');
    cover(found.node, addToPem(found.content, authorities));
  }
  for (const path of javaStores(javaHomes(tree, javaHome))) {
    const found = readBundle(tree, path);
    if (found === undefined) continue;
    const { content } = found;
    cover(found.node, addToJavaKeyStore(content, authorities) ?? addToPkcs12(content, authorities));
  }
  const all = [...covered.values()];
  return {
    ownBundle,
    fill: (dir) => {
      for (const each of all) writeCover(dir, each, tree);
    },
    strip: (upper) => {
      if (all.length > 0) stripBelow(textToBytes(upper), all);
    },
  };

  function cover(node: TreeNode, added: AddedCertificates | undefined): void {
    if (added !== undefined) covered.set(node.path, { node, added });
  }
}

function readBundle(
  tree: FileTree,
  path: string,
): { readonly node: TreeNode; readonly content: Buffer } | undefined {
  const node = lookup(tree, path);
  if (node?.type !== 'file' || node.size > MAX_BUNDLE_BYTES) return undefined;
  return { node, content: readFileSync(fsPath(node.hostPath)) };
}

function javaHomes(tree: FileTree, named: string | undefined): readonly string[] {
  const homes = JAVA_PARENTS.flatMap((parent) => {
    const directory = lookup(tree, parent);
    if (directory?.type !== 'directory') return [];
    const names = tree.list(directory).slice(0, MAX_JAVAS);
    return names.map((name) => `${parent}/${bytesToText(name)}`);
  });
  return named?.startsWith('/') === true ? [named, ...homes] : homes;
}

/** Links that lead in a circle are the image's own affair: the place is one without a bundle. */
function lookup(tree: FileTree, path: string): TreeNode | undefined {
  try {
    return tree.lookup(textToBytes(path), { followsLast: true });
  } catch (error) {
    if (error instanceof BuildError && error.code === 'SYMLINK_LOOP') return undefined;
    throw error;
  }
}

/** Directories above it look as they do in the image, since those of an upper layer are what is seen. */
function writeCover(dir: string, { node, added }: Covered, tree: FileTree): void {
  const parents: TreeNode[] = [];
  for (let path = parentOf(node.path); path !== ROOT; path = parentOf(path)) {
    const parent = tree.lookup(path, { followsLast: false });
    if (parent !== undefined) parents.unshift(parent);
  }
  const root = textToBytes(dir);
  for (const { path } of parents) mkdirSync(fsPath(hostOf(root, path)), { recursive: true });
  const file = hostOf(root, node.path);
  writeFileSync(fsPath(file), added.combined, { flag: 'wx' });
  copyMetadata(node, file);
  for (const parent of parents.reverse()) copyMetadata(parent, hostOf(root, parent.path));
}

function stripBelow(upper: BytePath, covered: readonly Covered[]): void {
  const paths = new Set(covered.map(({ node }) => hostOf(upper, node.path)));
  const sizes = new Set(covered.map(({ added }) => added.combined.length));
  const pending = [upper];
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    for (const name of readdirSync(fsPath(dir), { encoding: 'latin1' }) as BytePath[]) {
      const path = joinPath(dir, name);
      const stats = lstatSync(fsPath(path), { bigint: true });
      if (stats.isDirectory()) pending.push(path);
      if (!stats.isFile() || stats.size > MAX_BUNDLE_BYTES) continue;
      const isSuspect = paths.has(path) || sizes.has(Number(stats.size)) || BUNDLE_NAME.test(name);
      if (isSuspect) stripFile(path, stats, covered);
    }
  }
}

function stripFile(path: BytePath, stats: BigIntStats, covered: readonly Covered[]): void {
  let content: Buffer = readFileSync(fsPath(path));
  let isChanged = false;
  for (const { added } of covered) {
    const stripped = added.strip(content);
    if (stripped === undefined) continue;
    content = stripped;
    isChanged = true;
  }
  if (!isChanged) return;
  // In place, as it may have several names. Writing takes set-id bits away.
  writeFileSync(fsPath(path), content);
  chmodSync(fsPath(path), Number(stats.mode & 0o7777n));
  utimesNs(path, stats.atimeNs, stats.mtimeNs);
}

function parentOf(path: BytePath): BytePath {
  return dirname(path) as BytePath;
}

function hostOf(root: BytePath, path: BytePath): BytePath {
  return (root + path) as BytePath;
}
