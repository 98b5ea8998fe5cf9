import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { installProgram } from '../installed-program.ts';
import { PROGRAM } from '../program.ts';
import { listArchiveSync, type Command, type Files } from './file-lists.ts';
import {
  copyImages,
  hexOf,
  imagesOfLayout,
  imagesOfRegistry,
  layoutBlobs,
  registryBlobs,
  type BlobPath,
  type LayoutImage,
} from './layouts.ts';

/**
 * Collects all images that a test file builds, in copies that outlive the test's own directories, for the
 * readers beside this file. After each command of a rig its store is looked at; the images in it are saved
 * before a command that removes some, and before the store goes. Images that were written or pushed are
 * taken before the directory or the registry goes.
 */
export interface BuiltImage extends LayoutImage {
  /** Where skopeo finds it. */
  readonly source: string;
  /** What `save` wrote, for images of a store; others may be in it as well. */
  readonly archive?: string;
  /** Its files as `export` has them, for the first image of a store that has this shape. */
  readonly files?: Files;
  /** What made it, or where it was found; for messages. */
  readonly origin: string;
}

/** What is known of the images of one test file. */
export interface Collection {
  /** Of the run; all test files share it. */
  readonly runDir: string;
  /** Of this file. */
  readonly dir: string;
  readonly images: BuiltImage[];
  /** Images that could not be collected, and why. */
  readonly faults: string[];
  /** Stores that commands used, and the images that were seen there: id → origin. */
  readonly stores: Map<string, Map<string, string>>;
  /** Which test runs. */
  test: string;
  /** What collecting has taken. */
  spentMs: number;
}

/** In commands that may remove images; `rm` alone is about containers. */
const REMOVING = /\b(?:rmi|prune|image rm)\b/;

/** That of the test file; undefined where rigs are opened by other programs. */
let current: Collection | undefined;

/** An empty collection. */
export function openCollection(runDir: string): Collection {
  const dir = mkdtempSync(join(runDir, 'file-'));
  // Copies of stores may be those of other users.
  for (const path of [runDir, dir]) chmodSync(path, 0o711);
  return { runDir, dir, images: [], faults: [], stores: new Map(), test: '', spentMs: 0 };
}

/** From now on, images of rigs and registries are collected. */
export function startCollecting(collection: Collection): void {
  current = collection;
}

/** From now on, none are. Gives those that were seen in stores and never collected. */
export function endCollecting(): string[] {
  const ended = current;
  current = undefined;
  return ended === undefined ? [] : unread(ended);
}

/** Images that left their stores before they were saved. */
export function unread(collection: Collection): string[] {
  return [...collection.stores].flatMap(([root, images]) =>
    [...images]
      .filter(([id]) => isFirst(collection, 'stored', id))
      .map(([id, origin]) => `${id}, ${origin}: it left ${root} before it was saved`),
  );
}

/** Whether nobody in this run has asked this yet: what is the same is read once. */
export function isFirst({ runDir }: Collection, what: string, digest: string): boolean {
  const marks = join(runDir, 'seen');
  mkdirSync(marks, { recursive: true });
  try {
    closeSync(openSync(join(marks, `${what}-${hexOf(digest)}`), 'wx'));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** The store that a command uses. */
export function storeOf(
  args: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): string {
  const at = args.indexOf('--root');
  return resolve(cwd, (at < 0 ? env['STAGECRAFT_ROOT'] : args[at + 1]) ?? '');
}

/** To be called before a command. What it may remove is saved from a copy, as the test goes on with the store. */
export function beforeCommand(args: readonly string[], root: string): void {
  if (current === undefined || !REMOVING.test(args.join(' '))) return;
  noteImages(current, args, root);
  if (current.stores.has(root)) saveCopy(current, root);
}

/** To be called after a command: takes note of the images in its store. */
export function afterCommand(args: readonly string[], root: string): void {
  if (current !== undefined) noteImages(current, args, root);
}

/** To be called before stores go, or the user goes whose they are. */
export function collectStores(isMeant: (root: string) => boolean): void {
  if (current === undefined) return;
  for (const root of current.stores.keys()) {
    if (!existsSync(root) || !isMeant(root)) continue;
    if (isWritable(root)) saveStore(current, root);
    else saveCopy(current, root);
  }
}

/** To be called before an OCI layout goes. */
export function collectLayout(dir: string, name: string): void {
  keep(imagesOfLayout(dir), layoutBlobs(dir), name);
}

/** To be called before a registry server's directory goes. */
export function collectRegistry(storage: string, name: string): void {
  const blobPath = registryBlobs(storage);
  // The server takes no manifest whose blobs it does not have, so a test took those out that are missing.
  const whole = imagesOfRegistry(storage).filter(({ blobs }) =>
    blobs.every((blob) => existsSync(blobPath(blob))),
  );
  keep(whole, blobPath, name);
}

function keep(images: readonly LayoutImage[], from: BlobPath, name: string): void {
  if (current === undefined || images.length === 0) return;
  const copies = copyImages(mkdtempSync(join(current.dir, 'copies-')), images, from);
  const origin = `${name} in "${current.test}"`;
  current.images.push(...copies.map(([image, source]) => ({ ...image, source, origin })));
}

function noteImages(into: Collection, args: readonly string[], root: string): void {
  const known = into.stores.get(root) ?? new Map<string, string>();
  for (const id of idsIn(root)) {
    if (!known.has(id)) known.set(id, `"${args.join(' ')}" in "${into.test}"`);
  }
  if (known.size > 0) into.stores.set(root, known);
}

function isWritable(root: string): boolean {
  try {
    accessSync(root, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** As `saveStore` with a copy of the store, which stays as it is: saving leaves compressed layers there. */
function saveCopy(into: Collection, root: string): void {
  const copy = mkdtempSync(join(into.dir, 'store-'));
  try {
    spawnSync('cp', ['-a', `${root}/.`, copy]);
    saveStore(into, root, copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Saves the images of the store `root` that no store of this run had before, out of it or a copy. */
export function saveStore(into: Collection, root: string, from = root): void {
  const origins = into.stores.get(root);
  const save = (ids: readonly string[]): void => {
    try {
      const saved = ids.length === 0 ? [] : savedImages(into, from, ids);
      into.images.push(
        ...saved.map((image) => ({ ...image, origin: origins?.get(image.id) ?? root })),
      );
    } catch (error) {
      // One archive is the quickest; one for each says which of them is at fault.
      if (ids.length > 1) for (const id of ids) save([id]);
      else
        into.faults.push(`${ids.join()}, ${origins?.get(ids.join()) ?? root}: ${messageOf(error)}`);
    }
  };
  const startedAt = performance.now();
  save(idsIn(from).filter((id) => isFirst(into, 'stored', id)));
  into.spentMs += performance.now() - startedAt;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function savedImages(
  into: Collection,
  root: string,
  ids: readonly string[],
): Omit<BuiltImage, 'origin'>[] {
  const dir = mkdtempSync(join(into.dir, 'saved-'));
  const archive = join(dir, 'archive.tar');
  const extracted = join(dir, 'extracted');
  const [program, ...words] = programFor(into.runDir, root);
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', STAGECRAFT_ROOT: root };
  const out = openSync(archive, 'w');
  const saved = spawnSync(program, [...words, 'save', ...ids], {
    ...{ env, stdio: ['ignore', out, 'pipe'], encoding: 'utf8' },
  });
  closeSync(out);
  if (saved.status !== 0) throw new Error(`save: ${String(saved.error ?? saved.stderr)}`);
  mkdirSync(extracted);
  spawnSync('tar', ['-xf', archive, '-C', extracted]);
  const copies = copyImages(join(dir, 'copies'), imagesOfLayout(extracted), layoutBlobs(extracted));
  rmSync(extracted, { recursive: true });
  return copies.map(([image, source]) => {
    const isNew = isFirst(into, 'exported', image.shape);
    const files = isNew ? listArchiveSync([program, ...words, 'export', image.id], env) : undefined;
    return { ...image, source, archive, ...(files && { files }) };
  });
}

/** The program, run by the owner of a store. */
function programFor(runDir: string, root: string): Command {
  const { uid, gid } = statSync(root);
  if (uid === process.getuid?.()) return [PROGRAM];
  const installed = join(runDir, 'installed');
  if (!existsSync(installed)) installProgram(installed);
  const ids = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  return ['setpriv', ...ids, '--', join(installed, 'dist/main.cjs')];
}

/** Ids of the images in a store; none where there is no store. */
function idsIn(root: string): string[] {
  const list = join(root, 'images.json');
  if (!existsSync(list)) return [];
  const { images } = JSON.parse(readFileSync(list, 'utf8')) as { images: { id: string }[] };
  return images.map(({ id }) => id);
}
