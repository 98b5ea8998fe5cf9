import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { declareNative } from './ffi.ts';
import { hasCode } from './sys.ts';

const ioctlCall = declareNative('ioctl', ['int', 'ulong', 'void *']);
const ioctlNumberCall = declareNative('ioctl', ['int', 'ulong', 'long']);

/** asm-generic/ioctls.h. */
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;
const O_CLOEXEC = 0o2000000;

export interface PseudoTerminal {
  /** What the user of the terminal types and sees. */
  readonly masterFd: number;
  /** What programs in the terminal read and write. */
  readonly slaveFd: number;
}

/** Makes a pseudo terminal (pty(7)), both ends close-on-exec. */
export function openPseudoTerminal(): PseudoTerminal {
  const { O_RDWR, O_NOCTTY } = constants;
  const masterFd = openSync('/dev/ptmx', O_RDWR | O_NOCTTY);
  try {
    ioctlCall(undefined, [masterFd, TIOCSPTLCK, Buffer.alloc(4)]);
    const flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
    // By descriptor and not by name: which /dev/pts is mounted here does not matter then.
    const slaveFd = ioctlNumberCall(undefined, [masterFd, TIOCGPTPEER, flags]);
    return { masterFd, slaveFd };
  } catch (error) {
    closeSync(masterFd);
    throw error;
  }
}

/** Tells programs in the terminal how large it is, in characters. */
export function setTerminalSize(masterFd: number, columns: number, rows: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  ioctlCall(undefined, [masterFd, TIOCSWINSZ, size]);
}

/** Writes what a user typed. Drops it when no program reads, as a terminal does. */
export function writeWhole(fd: number, bytes: Uint8Array): void {
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
  } catch (error) {
    if (!hasCode(error, 'EAGAIN', 'EIO')) throw error;
  }
}
