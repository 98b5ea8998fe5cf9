import {
  declareBackgroundNative,
  declareNative,
  nativePath,
  type NativePath,
  SystemError,
} from './ffi.ts';

/**
 * Linux system calls that `node:fs` does not have. All are synchronous and throw `SystemError`.
 * Mounts are in mount.ts, extended attributes in xattr.ts.
 */
export { SystemError, type NativePath } from './ffi.ts';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;

/** For `unshare` and `setns` (sched.h). */
export const CLONE = {
  NEWNS: 0x00020000,
  NEWCGROUP: 0x02000000,
  NEWUTS: 0x04000000,
  NEWIPC: 0x08000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const;

const unshareCall = declareNative('unshare', ['int']);

/** unshare(2) for the calling thread. NEWUSER is refused (EINVAL), as Node has several threads. */
export function unshare(flags: number): void {
  unshareCall(undefined, [flags]);
}

const setnsCall = declareNative('setns', ['int', 'int']);

/** setns(2) for the calling thread. `type` is one of `CLONE`, or 0 for whatever `fd` is. */
export function setns(fd: number, type: number): void {
  setnsCall(undefined, [fd, type]);
}

/** File type bits for `mknod` (inode(7)). */
export const NODE_TYPE = {
  fifo: 0o010000,
  charDevice: 0o020000,
  blockDevice: 0o060000,
  socket: 0o140000,
} as const;

const mknodCall = declareNative('mknod', ['void *', 'uint', 'ulong']);

/**
 * Creates a device or a fifo. `mode` is type and permission bits (subject to the umask), `device` comes
 * from `makeDevice`. Device 0/0 is an overlay whiteout, which needs no privilege since Linux 5.8.
 */
export function mknod(path: NativePath, mode: number, device: number): void {
  mknodCall(path, [nativePath(path), mode, device]);
}

/** Creates a fifo with these permission bits (subject to the umask). */
export function mkfifo(path: NativePath, mode: number): void {
  mknodCall(path, [nativePath(path), NODE_TYPE.fifo | mode, 0], 'mkfifo');
}

const MAX_MAJOR = 0xfff;
const MAX_MINOR = 0xfffff;

/**
 * Device number as in `stat.rdev`. The kernel keeps 12 bits of major and 20 of minor; cut to that, a
 * larger pair would be another device, or 0/0: an overlay whiteout.
 * @throws SystemError EINVAL for what does not fit
 */
export function makeDevice(major: number, minor: number): number {
  if (!isWithin(major, MAX_MAJOR) || !isWithin(minor, MAX_MINOR)) {
    throw new SystemError('EINVAL', 'mknod', `device ${major}/${minor}`);
  }
  return (minor & 0xff) + major * 0x100 + (minor >>> 8) * 0x100000;
}

function isWithin(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

/** Major part of a `stat.rdev`. */
export function majorOf(device: number): number {
  return Math.floor(device / 0x100) & 0xfff;
}

/** Minor part of a `stat.rdev`. */
export function minorOf(device: number): number {
  return (device & 0xff) + Math.floor(device / 0x100000) * 0x100;
}

const utimensatCall = declareNative('utimensat', ['int', 'void *', 'void *', 'int']);
const NS_PER_SECOND = 1_000_000_000n;

/** Sets access and modification time, in nanoseconds since 1970. Does not follow a symlink. */
export function utimesNs(path: NativePath, atimeNs: bigint, mtimeNs: bigint): void {
  utimensatCall(path, [
    AT_FDCWD,
    nativePath(path),
    timespecs(atimeNs, mtimeNs),
    AT_SYMLINK_NOFOLLOW,
  ]);
}

const futimensCall = declareNative('futimens', ['int', 'void *']);

/** Like `utimesNs`, for an open file. */
export function futimesNs(fd: number, atimeNs: bigint, mtimeNs: bigint): void {
  futimensCall(undefined, [fd, timespecs(atimeNs, mtimeNs)]);
}

const timespecBuffer = Buffer.alloc(32);

/** Two `struct timespec` of a 64-bit Linux. One buffer serves all calls, as calls are synchronous. */
function timespecs(atimeNs: bigint, mtimeNs: bigint): Buffer {
  writeTimespec(atimeNs, 0);
  writeTimespec(mtimeNs, 16);
  return timespecBuffer;
}

function writeTimespec(ns: bigint, offset: number): void {
  // Seconds round down, so that times before 1970 keep a part of 0 to 999,999,999 ns.
  const rest = ((ns % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  timespecBuffer.writeBigInt64LE((ns - rest) / NS_PER_SECOND, offset);
  timespecBuffer.writeBigInt64LE(rest, offset + 8);
}

const flockCall = declareNative('flock', ['int', 'int']);
const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NONBLOCKING = 4;

/**
 * Takes a kernel lock on an open file; closing the last descriptor (or dying) gives it back. Locks of
 * two descriptors conflict even in one process. False when `mode.wait` is false and somebody holds it.
 * Waiting blocks the thread: only for locks that are held for a moment.
 */
export function flock(
  fd: number,
  mode: { readonly type: 'shared' | 'exclusive'; readonly wait: boolean },
): boolean {
  const type = mode.type === 'shared' ? LOCK_SHARED : LOCK_EXCLUSIVE;
  try {
    flockCall(undefined, [fd, type | (mode.wait ? 0 : LOCK_NONBLOCKING)]);
    return true;
  } catch (error) {
    if (hasCode(error, 'EAGAIN')) return false;
    throw error;
  }
}

const LOCK_UNLOCK = 8;

/** Gives a lock back before the descriptor is closed. */
export function funlock(fd: number): void {
  flockCall(undefined, [fd, LOCK_UNLOCK]);
}

/** For `renameat2` (rename(2)). WHITEOUT leaves an overlay whiteout at the old name. */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 } as const;

// musl has no wrapper for this one, so it goes by number (arm64 and riscv64 share the generic table).
const RENAMEAT2_NUMBER = process.arch === 'x64' ? 316 : 276;
const renameat2Call = declareNative(
  'syscall',
  ['long', 'long', 'void *', 'long', 'void *', 'long'],
  'long',
);

/** rename(2) with flags from `RENAME`. */
export function renameat2(from: NativePath, to: NativePath, flags: number): void {
  renameat2Call(
    to,
    [RENAMEAT2_NUMBER, AT_FDCWD, nativePath(from), AT_FDCWD, nativePath(to), flags],
    'renameat2',
  );
}

const syncfsCall = declareBackgroundNative('syncfs', ['int']);

/** Writes everything of the file system that `fd` is on to the disk. Waits in another thread. */
export function syncfs(fd: number): Promise<void> {
  return syncfsCall([fd]);
}

const copyFileRangeCall = declareNative(
  'copy_file_range',
  ['int', 'void *', 'int', 'void *', 'ulong', 'uint'],
  'long',
);

/**
 * Copies up to `length` bytes between the current positions of two files inside the kernel.
 * Returns how many were copied, 0 at the end. Fails with EXDEV, EINVAL or ENOTSUP where the file systems cannot.
 */
export function copyFileRange(fromFd: number, toFd: number, length: number): number {
  return copyFileRangeCall(undefined, [fromFd, null, toFd, null, length, 0]);
}

const ioctlCall = declareNative('ioctl', ['int', 'ulong', 'long']);
const FICLONE = 0x40049409;

/** Makes `toFd` share all bytes of `fromFd` (reflink). ENOTSUP or EXDEV where the file system cannot. */
export function ficlone(fromFd: number, toFd: number): void {
  ioctlCall(undefined, [toFd, FICLONE, fromFd], 'ficlone');
}

const prctlCall = declareNative('prctl', ['int', 'ulong', 'ulong', 'ulong', 'ulong']);

/** prctl(2) for the calling thread. Returns its result. */
export function prctl(option: number, ...values: readonly number[]): number {
  const [a = 0, b = 0, c = 0, d = 0] = values;
  return prctlCall(undefined, [option, a, b, c, d]);
}

const fchdirCall = declareNative('fchdir', ['int']);

/** Changes the working directory of the whole process. For the length of one synchronous call only. */
export function fchdir(fd: number): void {
  fchdirCall(undefined, [fd]);
}

/** True for errors of system calls, Node's own or ours, that carry this code. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    codes.includes(error.code)
  );
}
