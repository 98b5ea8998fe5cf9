import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { diskError } from '../host/disk-error.ts';
import { hasCode } from '../host/sys.ts';

/**
 * What the steps of builds printed, both streams as they came:
 *
 *   <store>/builds/<id>/<op>.log      the first of it, up to `MAX_HEAD_BYTES`
 *   <store>/builds/<id>/<op>.<0|1>    what came last, in two files by turns, up to `MAX_TAIL_BYTES` each
 *
 * So a step keeps its beginning and its end, however much it prints, and the middle is counted. Nothing is
 * made for a step that prints nothing.
 */
export interface StepLogs {
  write(op: number, bytes: Uint8Array): void;
  /** Bytes that a step printed. */
  sizeOf(op: number): number | undefined;
  close(): void;
}

const MAX_HEAD_BYTES = 4 * 1024 * 1024;
const MAX_TAIL_BYTES = 4 * 1024 * 1024;
/** Of all builds together; those of the oldest builds go first. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;

interface OpenLog {
  total: number;
  /** The file that is written to; undefined when the disk is full. */
  fd: number | undefined;
  /** Undefined while the first part is written. */
  turn: 0 | 1 | undefined;
  bytesInFile: number;
}

/** `directory` is `<store>/builds/<id>`, made when a step first prints; `onFirst` is called before. */
export function openStepLogs(directory: string, onFirst: () => void = () => undefined): StepLogs {
  const logs = new Map<number, OpenLog>();

  function open(op: number): OpenLog {
    if (logs.size === 0) onFirst();
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const fd = openSync(join(directory, `${String(op)}.log`), 'w', 0o600);
    const log: OpenLog = { total: 0, fd, turn: undefined, bytesInFile: 0 };
    logs.set(op, log);
    return log;
  }

  /** The next file for what comes last; it takes the place of the one before the last. */
  function turnOver(op: number, log: OpenLog): void {
    if (log.fd !== undefined) closeSync(log.fd);
    log.fd = undefined;
    log.turn = log.turn === 0 ? 1 : 0;
    log.fd = openSync(join(directory, `${String(op)}.${String(log.turn)}`), 'w', 0o600);
    log.bytesInFile = 0;
  }

  function append(op: number, log: OpenLog, bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const room = (log.turn === undefined ? MAX_HEAD_BYTES : MAX_TAIL_BYTES) - log.bytesInFile;
      if (room === 0) turnOver(op, log);
      else if (log.fd !== undefined) {
        const written = writeSync(log.fd, bytes, at, Math.min(room, bytes.length - at));
        at += written;
        log.bytesInFile += written;
      }
    }
  }

  return {
    write(op, bytes) {
      let log = logs.get(op);
      try {
        log ??= open(op);
        log.total += bytes.length;
        if (log.fd !== undefined) append(op, log, bytes);
      } catch (error) {
        // A full disk loses the log, and not the build.
        if (diskError(directory, error) === undefined) throw error;
        if (log?.fd !== undefined) closeSync(log.fd);
        logs.set(op, {
          total: bytes.length,
          turn: undefined,
          bytesInFile: 0,
          ...log,
          fd: undefined,
        });
      }
    },
    sizeOf: (op) => logs.get(op)?.total,
    close() {
      for (const log of logs.values()) {
        if (log.fd !== undefined) closeSync(log.fd);
        log.fd = undefined;
      }
    },
  };
}

/** What is kept of what a step printed, in pieces. `total` is how much it printed. */
export function* readStepLog(directory: string, op: number, total: number): Generator<Uint8Array> {
  const head = read(directory, `${String(op)}.log`);
  if (head === undefined) {
    yield Buffer.from(`[${String(total)} bytes are not kept]\n`);
    return;
  }
  yield head;
  const tails = (['0', '1'] as const)
    .flatMap((turn) => {
      const path = join(directory, `${String(op)}.${turn}`);
      const stats = statSync(path, { throwIfNoEntry: false });
      return stats === undefined ? [] : [{ path, size: stats.size }];
    })
    // The full one is the older one.
    .sort((a, b) => b.size - a.size);
  const kept = head.length + tails.reduce((sum, { size }) => sum + size, 0);
  if (total > kept) yield Buffer.from(`\n[${String(total - kept)} bytes are not kept]\n`);
  for (const { path } of tails) yield readFileSync(path);
}

function read(directory: string, name: string): Buffer | undefined {
  try {
    return readFileSync(join(directory, name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Removes the logs of builds below `buildsDirectory` whose record is gone, and of the oldest of `ids` (latest
 * first) where all together are too large.
 */
export function tidyStepLogs(buildsDirectory: string, ids: readonly string[]): void {
  const oldest = ids.at(-1) ?? '';
  const names = readdirSync(buildsDirectory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
    .reverse();
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    const directory = join(buildsDirectory, name);
    // A build that still runs has no record yet, and is younger than all that have one.
    bytes += name < oldest ? Infinity : sizeOf(directory);
    if (index > 0 && bytes > MAX_KEPT_BYTES) rmSync(directory, { recursive: true, force: true });
  }
}

function sizeOf(directory: string): number {
  return readdirSync(directory)
    .map((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
}
