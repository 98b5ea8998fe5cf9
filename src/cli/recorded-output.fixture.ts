import { Writable } from 'node:stream';
import type { Output } from './command.ts';

/** An output that keeps what was written. */
export interface RecordedOutput extends Output {
  readonly text: string;
  /** One entry per call of `write`. */
  readonly writes: readonly string[];
  resize(columns: number, rows: number): void;
}

/** `size` undefined is a file or a pipe. */
export function recordOutput(size?: {
  readonly columns: number;
  readonly rows: number;
}): RecordedOutput {
  const writes: string[] = [];
  const listeners = new Set<() => void>();
  let current = size;
  return {
    write: (part) => {
      writes.push(typeof part === 'string' ? part : Buffer.from(part).toString('utf8'));
    },
    stream: () =>
      new Writable({
        write: (chunk: Buffer, _, done) => {
          writes.push(chunk.toString('utf8'));
          done();
        },
      }),
    isTerminal: size !== undefined,
    size: () => current,
    flush: () => Promise.resolve(),
    onResize: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    get text() {
      return writes.join('');
    },
    writes,
    resize(columns, rows) {
      current = { columns, rows };
      for (const listener of listeners) listener();
    },
  };
}
