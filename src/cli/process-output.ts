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

/** What is held for a reader that is slower than we write. */
const MAX_HELD_BYTES = 1024 * 1024;
/** How long a write waits where more than that is held: between two of them, signals are handled. */
const MAX_WAIT_MS = 100;
const POLL_MS = 2;

/**
 * Standard output or standard error. Files and pipes are written directly: the stream, which loads
 * sockets and terminals, is made at the first use by somebody who needs one. What a full pipe that does not
 * block has no room for is held and written later; writers wait when that becomes much.
 */
export function openOutput(fd: 1 | 2, onFailure: (error: NodeJS.ErrnoException) => void): Output {
  let opened: NodeJS.WriteStream | undefined;
  let isBroken = false;
  const fail = (error: NodeJS.ErrnoException): void => {
    isBroken = true;
    held.drop();
    onFailure(error);
  };
  const held = openHeldWrites(fd, (error) => {
    // On the next turn, as streams do: nobody who writes expects to be interrupted.
    isBroken = true;
    setImmediate(fail, error);
  });
  const stream = (): NodeJS.WriteStream => {
    if (opened !== undefined) return opened;
    opened = fd === 1 ? process.stdout : process.stderr;
    opened.on('error', fail);
    for (const bytes of held.drop()) opened.write(bytes);
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
      // A copy of bytes, which the caller may use again.
      held.write(typeof text === 'string' ? Buffer.from(text) : Uint8Array.from(text));
    },
    flush: async () => {
      await held.taken();
      const left = opened;
      if (left === undefined || isBroken || left.writableLength === 0) return;
      await new Promise<void>((resolve) => {
        left.once('close', resolve);
        left.write('', () => {
          resolve();
        });
      });
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

/** Writes for a reader that may be slow, in order. */
interface HeldWrites {
  /** Writes what there is room for and holds the rest. */
  write(bytes: Uint8Array): void;
  /** Resolves when nothing is held any more. */
  taken(): Promise<void>;
  /** Gives what is held to the caller. */
  drop(): readonly Uint8Array[];
}

/** `onFailure` is called once; nothing is written afterwards. */
function openHeldWrites(fd: number, onFailure: (error: NodeJS.ErrnoException) => void): HeldWrites {
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let onTaken: (() => void) | undefined;
  const writeHeld = (): void => {
    clearTimeout(timer);
    timer = undefined;
    try {
      for (let [first] = held; first !== undefined; [first] = held) {
        const rest = writeUntilFull(fd, first);
        heldBytes -= first.length - rest.length;
        if (rest.length > 0) {
          held[0] = rest;
          timer = setTimeout(writeHeld, POLL_MS);
          return;
        }
        held.shift();
      }
      onTaken?.();
    } catch (error) {
      heldBytes = 0;
      onFailure(error as NodeJS.ErrnoException);
    }
  };
  return {
    write(bytes) {
      heldBytes += bytes.length;
      held.push(bytes);
      writeHeld();
      for (let waited = 0; heldBytes > MAX_HELD_BYTES && waited < MAX_WAIT_MS; waited += POLL_MS) {
        sleep(POLL_MS);
        writeHeld();
      }
    },
    taken: () =>
      held.length === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            onTaken = resolve;
          }),
    drop() {
      clearTimeout(timer);
      heldBytes = 0;
      onTaken?.();
      return held.splice(0);
    },
  };
}

/** Holds this thread up. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** What a pipe that does not block has no room for at present. Throws as `write(2)` does, but for that. */
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
