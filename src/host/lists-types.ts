import { closeSync, constants, openSync } from 'node:fs';
import { declareNative } from './ffi.ts';

// Old glibc has no wrapper for this one, so it goes by number (arm64 and riscv64 share the generic table).
const GETDENTS64_NUMBER = process.arch === 'x64' ? 217 : 61;
const getdents64Call = declareNative('syscall', ['long', 'int', 'void *', 'ulong'], 'long');

/** Of `struct linux_dirent64` (getdents(2)): where the parts of an entry are. */
const LENGTH_AT = 16;
const TYPE_AT = 18;
const NAME_AT = 19;
const TYPE_UNKNOWN = 0;
const DOT = '.'.charCodeAt(0);

/**
 * True where the listing of `directory`, which has to have an entry, says what its entries are. ext4 without
 * `filetype` and XFS with `ftype=0` do not, and overlayfs is not to be had there: it mounts, and shows the
 * names that were removed.
 */
export function listsTypes(directory: string): boolean {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const buffer = Buffer.alloc(4096);
    const words = [GETDENTS64_NUMBER, fd, buffer, buffer.length];
    const end = getdents64Call(directory, words, 'getdents64');
    for (let at = 0; at < end; at += buffer.readUInt16LE(at + LENGTH_AT)) {
      if (isDots(buffer, at + NAME_AT)) continue;
      return buffer[at + TYPE_AT] !== TYPE_UNKNOWN;
    }
    return true;
  } finally {
    closeSync(fd);
  }
}

/** `.` and `..` have their type everywhere. */
function isDots(buffer: Buffer, at: number): boolean {
  const [first, second, third] = buffer.subarray(at, at + 3);
  return first === DOT && (second === 0 || (second === DOT && third === 0));
}
