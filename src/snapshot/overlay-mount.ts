import { closeSync, constants, mkdirSync, openSync, readFileSync, symlinkSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { BuildError } from '../diagnostics/build-error.ts';
import { isKernelAtLeast } from '../host/kernel-version.ts';
import { enterPrivateMountNamespace } from '../host/mount-namespace.ts';
import { MAX_MOUNT_OPTION_BYTES, mount, umount } from '../host/mount.ts';
import { fchdir } from '../host/sys.ts';

/** OVL_MAX_STACK of the kernel. */
export const MAX_LOWERS = 500;

/** Needs no permission to read the directory. `node:fs` does not list it. */
const O_PATH = 0o10000000;

/** Directories of one overlay mount. All but `base` are relative to `base`. */
export interface OverlayDirs {
  /** Absolute. Short relative names keep hundreds of layers within one page of options. */
  readonly base: string;
  /** Top first, at least one. */
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly target: string;
  /** Directory that may be filled with short links when there are very many lowers. */
  readonly links: string;
}

/**
 * Mounts an overlay in this process's own mount namespace. `redirect_dir` and `metacopy` stay off: with
 * them, a directory of changes would say less than what changed. The calling thread changes its working
 * directory for the moment of the call.
 * @throws BuildError TOO_MANY_LAYERS; SystemError when the kernel refuses
 */
export function mountOverlay(dirs: OverlayDirs): void {
  enterPrivateMountNamespace();
  const { base, lowers } = dirs;
  if (lowers.length > MAX_LOWERS) throw tooManyLayers(lowers.length);
  const direct = options(lowers, dirs.upper, dirs.work);
  if (Buffer.byteLength(direct) <= MAX_MOUNT_OPTION_BYTES) {
    mountFrom(base, direct, dirs.target);
    return;
  }
  const links = join(base, dirs.links);
  mkdirSync(links, { mode: 0o700 });
  const up = '../'.repeat(dirs.links.split('/').length);
  const names = lowers.map((lower, i) => {
    const name = i.toString(36);
    symlinkSync(up + lower, join(links, name));
    return name;
  });
  mountFrom(links, options(names, up + dirs.upper, up + dirs.work), up + dirs.target);
}

/** Takes an overlay away, also when something still looks at it. */
export function unmountOverlay(target: string): void {
  umount(Buffer.from(target), { lazily: true });
}

function mountFrom(directory: string, text: string, target: string): void {
  // By descriptor: the directory that the user is in may have no name any more.
  const before = openSync('.', O_PATH | constants.O_DIRECTORY);
  try {
    enter(directory);
    mount({
      source: 'overlay',
      target: Buffer.from(target),
      type: 'overlay',
      options: Buffer.from(text),
    });
  } finally {
    fchdir(before);
    closeSync(before);
  }
}

/** Behind Node's back: the name that it remembers is right again after the way back. */
function enter(directory: string): void {
  const fd = openSync(directory, O_PATH | constants.O_DIRECTORY);
  try {
    fchdir(fd);
  } finally {
    closeSync(fd);
  }
}

function options(lowers: readonly string[], upper: string, work: string): string {
  return [
    `lowerdir=${lowers.join(':')}`,
    `upperdir=${upper}`,
    `workdir=${work}`,
    ...['metacopy=off', 'index=off'],
    ...(isVolatileKnown() ? ['volatile'] : []),
    // Where the kernel follows redirects by default, `off` means `follow`, which userxattr forbids.
    ...(isUserNamespace() ? ['userxattr', 'redirect_dir=nofollow'] : ['redirect_dir=off']),
  ].join(',');
}

let knowsVolatile: boolean | undefined;

/**
 * `volatile`, since Linux 5.10. Without it each unmount waits until the whole file system is on the disk, and
 * so does each fsync of a step. Of what a step leaves nothing is trusted after a loss of power before the
 * build has synced it all, once (sync-journal.ts).
 */
function isVolatileKnown(): boolean {
  knowsVolatile ??= isKernelAtLeast(release(), 5, 10);
  return knowsVolatile;
}

let inUserNamespace: boolean | undefined;

/** In a user namespace, overlayfs may only keep its marks in `user.*` attributes. */
function isUserNamespace(): boolean {
  inUserNamespace ??= !/^\s*0\s+0\s+4294967295\s*$/.test(
    readFileSync('/proc/self/uid_map', 'utf8'),
  );
  return inUserNamespace;
}

function tooManyLayers(count: number): BuildError {
  return new BuildError({
    code: 'TOO_MANY_LAYERS',
    class: 'input',
    message: `Cannot run a step on ${count} layers: the kernel stacks at most ${MAX_LOWERS}`,
    hint: 'Leave out --snapshotter=overlay, so that files are copied for such steps',
  });
}
