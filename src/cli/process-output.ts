import { fstatSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers';
import type { Output } from './command.ts';

/** True when the descriptor is a terminal. The module that asks is loaded for devices only. */
export function isTerminal(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    if (!stats.isCharacterDevice() || isMemoryDevice(stats.rdev)) return false;
  } catch {
    // Closed by whoever started us.
    return false;
  }
  return process.getBuiltinModule('node:tty').isatty(fd);
}

/** `/dev/null` and its like: major number 1 (Linux, Documentation/admin-guide/devices.txt). */
function isMemoryDevice(rdev: number): boolean {
  return ((rdev >> 8) & 0xfff) === 1;
}

/**
 * Standard output or standard error. Files and pipes are written directly: the stream, which loads
 * sockets and terminals, is made at the first use by somebody who needs one, and when a pipe is full
 * that does not block.
 */
export function openOutput(fd: 1 | 2, onFailure: (error: NodeJS.ErrnoException) => void): Output {
  let opened: NodeJS.WriteStream | undefined;
  let isBroken = false;
  const fail = (error: NodeJS.ErrnoException): void => {
    isBroken = true;
    onFailure(error);
  };
  const stream = (): NodeJS.WriteStream => {
    if (opened !== undefined) return opened;
    opened = fd === 1 ? process.stdout : process.stderr;
    opened.on('error', fail);
    return opened;
  };
  const ownsTerminal = isTerminal(fd);
  return {
    write: (text) => {
      if (isBroken) return;
      if (ownsTerminal || opened !== undefined) {
        stream().write(text);
        return;
      }
      const bytes = typeof text === 'string' ? Buffer.from(text) : text;
      try {
        const rest = writeUntilFull(fd, bytes);
        if (rest.length > 0) stream().write(rest);
      } catch (error) {
        // On the next turn, as streams do: nobody who writes expects to be interrupted.
        isBroken = true;
        setImmediate(fail, error as NodeJS.ErrnoException);
      }
    },
    stream,
    isTerminal: ownsTerminal,
    size: () => {
      const { columns, rows } = stream();
      return columns > 0 && rows > 0 ? { columns, rows } : undefined;
    },
    onResize: (listener) => {
      stream().on('resize', listener);
      return () => {
        stream().off('resize', listener);
      };
    },
  };
}

/** What a pipe that does not block has no room for now. Throws as `write(2)` does, but for that. */
function writeUntilFull(fd: number, bytes: Uint8Array): Uint8Array {
  let done = 0;
  while (done < bytes.length) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      break;
    }
  }
  return bytes.subarray(done);
}
