import { declareNative, nativePath, type NativePath } from './ffi.ts';

/** Flags of mount(2). */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  REC: 16384,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
} as const;

/** What to mount. Options are the file system's own, as after `-o` of mount(8). */
export interface MountRequest {
  /** Device or source directory; a name for show where the type has none. */
  readonly source: NativePath;
  readonly target: NativePath;
  /** Undefined for binds and changes of propagation. */
  readonly type?: string | undefined;
  /** Bits of `MS`. */
  readonly flags?: number | undefined;
  readonly options?: string | Buffer | undefined;
}

/** The kernel takes one page of options, the last byte being its NUL. */
export const MAX_MOUNT_OPTION_BYTES = 4095;

const mountCall = declareNative('mount', ['void *', 'void *', 'void *', 'ulong', 'void *']);

/** mount(2). Follows symlinks in `target`. @throws SystemError, whose path is the target */
export function mount(request: MountRequest): void {
  mountCall(request.target, [
    nativePath(request.source),
    nativePath(request.target),
    request.type === undefined ? null : nativePath(request.type),
    request.flags ?? 0,
    request.options === undefined ? null : nativePath(request.options),
  ]);
}

const UMOUNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const umountCall = declareNative('umount2', ['void *', 'int']);

/**
 * umount2(2), without following a symlink. `lazily` takes the mount out of sight at once, also when
 * somebody still uses it. @throws SystemError EBUSY, EINVAL when nothing is mounted there
 */
export function umount(target: NativePath, how: { readonly lazily: boolean }): void {
  umountCall(target, [nativePath(target), UMOUNT_NOFOLLOW | (how.lazily ? UMOUNT_DETACH : 0)]);
}
