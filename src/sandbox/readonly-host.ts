import { isKernelAtLeast } from '../host/kernel-version.ts';
import type { LaunchProgram } from './launcher/program.ts';

/**
 * Makes all that the process sees read-only, but for `writable` (host paths) with what is mounted below.
 *
 * A runtime looks up names of a step's file system while it still sees the host's. Where another step
 * may change them meanwhile, as in a shared cache mount, it can be led out of it (CVE-2024-45310): here it
 * then finds nothing that it could write to. Needs a mount namespace of the process's own.
 */
export function makeHostReadonly(
  program: LaunchProgram,
  kernel: string,
  writable: readonly string[],
): void {
  // Who gives a container the whole host has no host to protect, and no path could name what to except.
  if (!isKernelAtLeast(kernel, 5, 12) || writable.includes('/')) return;
  // Outer ones first, so that what is inside of them comes back on top.
  const places = [...new Set(writable)].sort((a, b) => a.length - b.length);
  const about = 'keeping the host from the runtime';
  places.forEach((place, index) => {
    const flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE;
    program.expect('open_tree', [AT_FDCWD, place, flags], FIRST_FREE_FD + index, about);
  });
  const readonly = { words: [MOUNT_ATTR_RDONLY, 0, 0, 0] };
  program.call('mount_setattr', [AT_FDCWD, '/', AT_RECURSIVE, readonly, 32], about);
  places.forEach((place, index) => {
    const fd = FIRST_FREE_FD + index;
    program.call('move_mount', [fd, '', AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH], about);
    program.call('close', [fd], about);
  });
}

/** The launcher has 0 to 3. */
const FIRST_FREE_FD = 4;
const AT_FDCWD = -100;
const AT_RECURSIVE = 0x8000;
const O_CLOEXEC = 0o2000000;
/** Numbers of linux/mount.h. */
const OPEN_TREE_CLONE = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_RDONLY = 1;
