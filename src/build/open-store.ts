import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openDiskCacheStore, type DiskCacheStore } from '../cache/disk-cache-store.ts';
import { openDiskBlobStore, type DiskBlobStore } from '../content/disk-blob-store.ts';
import { acquirePassingLock } from '../host/lock.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { openHolds, type Holds } from '../host/holds.ts';
import { replaceFile } from '../host/replace-file.ts';
import { openImageStore, type ImageStore } from '../image/image-store.ts';
import { openLayerIndex, type LayerIndex } from '../layer/layer-index.ts';
import {
  openDirectorySnapshotter,
  type SnapshotterOptions,
} from '../snapshot/directory-snapshotter.ts';
import type { Snapshotter } from '../snapshot/snapshotter.ts';
import { badStore } from './errors.ts';
import { OTHER_FILE_SYSTEM, whyNoStore } from './store-file-system.ts';

/**
 * Everything that outlives a build, below one directory:
 *
 *   blobs/sha256/…   manifests, configs, compressed layers
 *   snapshots/<id>/  fs/ in overlay form and record.json
 *   cache/           results by key
 *   layers/          which snapshot is which layer
 *   images.json      references and images
 *   mounts/          RUN --mount=type=cache
 *   containers/      what `stagecraft run` started
 *   locks/  tmp/     kernel locks; work in progress
 *
 * Many processes share a store. Only its owner may enter: steps of strangers put setuid files in it.
 */
export interface Store extends AsyncDisposable {
  readonly root: string;
  readonly blobs: DiskBlobStore;
  readonly snapshots: Snapshotter;
  readonly cache: DiskCacheStore;
  readonly layers: LayerIndex;
  readonly images: ImageStore;
  /** A directory that is there, for work in progress on the same file system. */
  readonly tmpDir: string;
  /** Who works with what in it. */
  readonly holds: Holds;
  /** Keeps what this process finds and makes from being removed by others, until disposed. */
  use(): Disposable;
  /** Waits for the kernel lock of this name. */
  lock(name: string, signal: AbortSignal): Promise<AsyncDisposable>;
}

/**
 * Opens the store at `root`, making it when it is not there.
 * @throws BuildError STORE_UNUSABLE
 */
export function openStore(
  root: string,
  uid: number,
  options: Pick<SnapshotterOptions, 'mounting' | 'onFallback'> = {},
): Store {
  makeDirectories(root, uid);
  checkOwner(root, uid);
  const lockDir = join(root, 'locks');
  const lock = (name: string, signal: AbortSignal): Promise<AsyncDisposable> =>
    acquirePassingLock(join(lockDir, name), signal);
  const holds = openHolds(join(root, 'locks'));
  const snapshots = openDirectorySnapshotter(join(root, 'snapshots'), { ...options, holds });
  return {
    root,
    blobs: openDiskBlobStore(root, holds),
    snapshots,
    cache: openDiskCacheStore(join(root, 'cache'), lockDir, {
      writeFileAtomic: replaceFile,
      acquireLock: acquirePassingLock,
    }),
    layers: openLayerIndex(join(root, 'layers'), replaceFile),
    images: openImageStore(root),
    tmpDir: join(root, 'tmp'),
    holds,
    use: () => holds.begin(),
    lock,
    [Symbol.asyncDispose]: () => snapshots[Symbol.asyncDispose](),
  };
}

function makeDirectories(root: string, uid: number): void {
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 });
    // Of a store that has had an image, this is known.
    if (!existsSync(join(root, 'images.json'))) checkFileSystem(root, uid);
    for (const name of ['blobs', 'snapshots', 'cache', 'layers', 'mounts', 'locks', 'tmp']) {
      mkdirSync(join(root, name), { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    if (error instanceof BuildError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw badStore(root, reasonOf(code), 'Choose another directory with --root or STAGECRAFT_ROOT');
  }
}

function checkFileSystem(root: string, uid: number): void {
  const reason = whyNoStore(root, uid);
  if (reason === undefined) return;
  throw badStore(root, `its file system ${reason}`, OTHER_FILE_SYSTEM);
}

function reasonOf(code: string): string {
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    // What a recursive mkdir of Node says where nothing can be made.
    ENOENT: 'it cannot be made, the file system may be read-only',
    ENOSPC: 'the disk is full',
    ENOTDIR: 'a part of the path is not a directory',
    EEXIST: 'there is a file of that name',
  };
  return reasons[code] ?? code;
}

function checkOwner(root: string, uid: number): void {
  const stat = statSync(root);
  if (stat.uid !== uid) {
    throw badStore(
      root,
      `it belongs to user ${String(stat.uid)}, not to ${String(uid)}`,
      'Choose another directory with --root or STAGECRAFT_ROOT',
    );
  }
  if ((stat.mode & 0o022) !== 0) {
    throw badStore(
      root,
      'others may write to it',
      `Run chmod 700 ${root}, or choose another directory with --root or STAGECRAFT_ROOT where the file system keeps no permissions`,
    );
  }
}
