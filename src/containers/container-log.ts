import { closeSync, openSync, readSync, renameSync, statSync, watch, writeSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '../host/sys.ts';

/**
 * What a detached container wrote, one JSON line per piece: `{"time","stream","data"}`. `data` holds one
 * char per byte, so any bytes survive and ASCII stays readable.
 */
export interface LogEntry {
  /** RFC 3339. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

/** A log this long is put aside for a new one, of which the last is kept. */
const MAX_LOG_BYTES = 32 * 1024 * 1024;

/** Appends to a container's log. Not synced: a log is no state. */
export class LogWriter implements Disposable {
  readonly #file: string;
  readonly #now: () => Date;
  #fd: number;
  #bytes: number;

  constructor(dir: string, now: () => Date) {
    this.#file = path.join(dir, LOG);
    this.#now = now;
    this.#fd = openSync(this.#file, 'a', 0o600);
    this.#bytes = statSync(this.#file).size;
  }

  write(stream: LogEntry['stream'], bytes: Uint8Array): void {
    const data = Buffer.from(bytes).toString('latin1');
    const line = `${JSON.stringify({ time: this.#now().toISOString(), stream, data })}\n`;
    this.#bytes += writeSync(this.#fd, line);
    if (this.#bytes < MAX_LOG_BYTES) return;
    closeSync(this.#fd);
    renameSync(this.#file, `${this.#file}.old`);
    this.#fd = openSync(this.#file, 'a', 0o600);
    this.#bytes = 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/**
 * The entries of a log, oldest first. With `isFollowing`, waits for more until the signal is aborted or
 * `isOver` says that no more will come.
 */
export async function* readLog(
  dir: string,
  options: { readonly isFollowing: boolean; isOver(): boolean },
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  const file = path.join(dir, LOG);
  yield* readWhole(`${file}.old`);
  const reader = new LineReader(file);
  try {
    for (;;) {
      // Asked before reading: what was written before the end is read after it.
      const isOver = !options.isFollowing || options.isOver();
      for (const line of reader.readLines()) yield* parseEntry(line);
      if (isOver || signal.aborted) return;
      await changeOf(dir, signal);
    }
  } finally {
    reader.close();
  }
}

const LOG = 'log';
const CHUNK_BYTES = 256 * 1024;
/** A container that ends may leave its log unchanged, so the wait is not only for changes. */
const LONGEST_WAIT_MS = 500;

class LineReader {
  readonly #fd: number | undefined;
  #rest = '';

  constructor(file: string) {
    this.#fd = openIfThere(file);
  }

  *readLines(): Generator<string> {
    if (this.#fd === undefined) return;
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const length = readSync(this.#fd, chunk);
      if (length === 0) return;
      const lines = (this.#rest + chunk.toString('latin1', 0, length)).split('\n');
      this.#rest = lines.pop() ?? '';
      yield* lines;
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}

function* readWhole(file: string): Generator<LogEntry> {
  const reader = new LineReader(file);
  try {
    for (const line of reader.readLines()) yield* parseEntry(line);
  } finally {
    reader.close();
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Nothing for a line that was cut off by a crash. */
function* parseEntry(line: string): Generator<LogEntry> {
  let entry: { readonly time?: unknown; readonly stream?: unknown; readonly data?: unknown };
  try {
    entry = JSON.parse(Buffer.from(line, 'latin1').toString('utf8')) as typeof entry;
  } catch {
    return;
  }
  const { time, stream, data } = entry;
  if (typeof time !== 'string' || typeof data !== 'string') return;
  if (stream !== 'stdout' && stream !== 'stderr') return;
  yield { time, stream, bytes: Buffer.from(data, 'latin1') };
}

function changeOf(dir: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dir);
    const timer = setTimeout(finish, LONGEST_WAIT_MS);
    function finish(): void {
      clearTimeout(timer);
      watcher.close();
      signal.removeEventListener('abort', finish);
      resolve();
    }
    watcher.once('change', finish);
    watcher.once('error', finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}
