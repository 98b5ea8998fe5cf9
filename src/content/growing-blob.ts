import { closeSync, openSync, readSync } from 'node:fs';
import type { WrittenBlob } from './blob-store.ts';

/** A blob that is being written, for who wants its bytes before it is whole. */
export interface GrowingBlob {
  /**
   * Its bytes from the start, as they come; ends when all are there, and fails when writing does.
   * Reading slowly holds nobody up.
   */
  read(): AsyncIterable<Uint8Array>;
  /** What it is, once all bytes are there, be they on the disk yet or not; undefined when writing failed. */
  readonly written: Promise<WrittenBlob | undefined>;
}

const READ_BYTES = 512 * 1024;

/** Follows a file that one writer appends to. Reads it back, so that no memory is needed for it. */
export class GrowingFile implements GrowingBlob {
  #path: string;
  readonly written: Promise<WrittenBlob | undefined>;
  #settle: (blob: WrittenBlob | undefined) => void = () => undefined;
  #size = 0;
  #end: 'open' | 'whole' | 'failed' = 'open';
  #waiting: (() => void)[] = [];

  constructor(path: string) {
    this.#path = path;
    this.written = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** So many bytes were appended. */
  grew(bytes: number): void {
    this.#size += bytes;
    this.#wake();
  }

  /**
   * The last byte was appended, and all are what they should be: nobody has to wait for the disk. Does
   * nothing after `stop`.
   */
  complete(blob: WrittenBlob): void {
    if (this.#end === 'failed') return;
    this.#end = 'whole';
    this.#wake();
    this.#settle(blob);
  }

  /** As `complete`, and the file is at `path` from now on. Does nothing after `stop`. */
  finish(blob: WrittenBlob, path: string): void {
    if (this.#end === 'failed') return;
    this.#path = path;
    this.complete(blob);
  }

  /** What was appended is not what it should be, or nothing comes any more. Does nothing after `complete`. */
  stop(): void {
    if (this.#end === 'open') this.#end = 'failed';
    this.#wake();
    this.#settle(undefined);
  }

  async *read(): AsyncGenerator<Uint8Array, void> {
    const fd = openSync(this.#path, 'r');
    try {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      for (let at = 0; ;) {
        if (at < this.#size) {
          const length = readSync(fd, buffer, 0, Math.min(READ_BYTES, this.#size - at), at);
          if (length === 0) throw new Error('A blob is shorter than what was written to it');
          at += length;
          // A buffer of its own: whoever sends it may keep it until it is sent.
          yield Buffer.from(buffer.subarray(0, length));
        } else if (this.#end === 'open') await this.#woken();
        else if (this.#end === 'whole') return;
        else throw new Error('The blob was not written to its end');
      }
    } finally {
      closeSync(fd);
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
