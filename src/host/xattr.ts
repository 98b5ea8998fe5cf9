import { declareAnsweringNative, declareNative, nativePath, type NativePath } from './ffi.ts';
import { hasCode } from './sys.ts';

/**
 * Extended attributes of the file itself: a symlink is never followed. Names are text such as
 * `user.mime_type` (bytes, one char each, when they are not ASCII); values are bytes.
 */

const lgetxattrCall = declareAnsweringNative(
  'lgetxattr',
  ['void *', 'void *', 'void *', 'ulong'],
  'long',
  ['ENODATA', 'ENOTSUP'],
);
const llistxattrCall = declareNative('llistxattr', ['void *', 'void *', 'ulong'], 'long');
const flistxattrCall = declareNative('flistxattr', ['int', 'void *', 'ulong'], 'long');
const lsetxattrCall = declareNative('lsetxattr', ['void *', 'void *', 'void *', 'ulong', 'int']);
const lremovexattrCall = declareNative('lremovexattr', ['void *', 'void *']);

/** The kernel's limits: 64 KiB for one value and for the list of names (xattr(7)). */
const MAX_XATTR_BYTES = 65536;
const scratch = { buffer: undefined as Buffer | undefined };

/** The value, or undefined when the file has no such attribute (or its file system has none at all). */
export function lgetxattr(path: NativePath, name: string): Buffer | undefined {
  const buffer = scratchBuffer();
  const length = lgetxattrCall(path, [nativePath(path), nativePath(name), buffer, buffer.length]);
  return length === undefined ? undefined : Buffer.from(buffer.subarray(0, length));
}

/** Names of all attributes this process may see, in byte order. */
export function llistxattr(path: NativePath): readonly string[] {
  const buffer = scratchBuffer();
  let length: number;
  try {
    length = llistxattrCall(path, [nativePath(path), buffer, buffer.length]);
  } catch (error) {
    if (hasCode(error, 'ENOTSUP')) return [];
    throw error;
  }
  if (length === 0) return [];
  return buffer
    .toString('latin1', 0, length - 1)
    .split('\0')
    .sort();
}

/** True when an open file has attributes that this process may see: quicker than their names. */
export function hasXattrs(fd: number): boolean {
  try {
    return flistxattrCall(undefined, [fd, null, 0]) > 0;
  } catch (error) {
    if (hasCode(error, 'ENOTSUP')) return false;
    throw error;
  }
}

/** Sets or replaces an attribute. @throws SystemError ENOTSUP, EPERM, ENOSPC */
export function lsetxattr(path: NativePath, name: string, value: Uint8Array): void {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  lsetxattrCall(path, [
    nativePath(path),
    nativePath(name),
    bytes.length === 0 ? null : bytes,
    bytes.length,
    0,
  ]);
}

/** Removes an attribute; false when it was not there. */
export function lremovexattr(path: NativePath, name: string): boolean {
  try {
    lremovexattrCall(path, [nativePath(path), nativePath(name)]);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENODATA', 'ENOTSUP')) return false;
    throw error;
  }
}

function scratchBuffer(): Buffer {
  return (scratch.buffer ??= Buffer.alloc(MAX_XATTR_BYTES));
}
