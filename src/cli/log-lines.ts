import type { LogEntry } from '../containers/container-log.ts';

const NEWLINE = 0x0a;

/** Cuts the pieces of a log into lines, of which it leaves out the first and puts the time before the others. */
export class LogLines {
  readonly #skipped: number;
  readonly #hasTimes: boolean;
  /** Lines that have begun. */
  #count = 0;
  /** Whether the stream is inside of a line, and whether that line is shown. */
  readonly #open = { stdout: false, stderr: false };
  readonly #isShown = { stdout: false, stderr: false };

  constructor(options: { readonly skipped: number; readonly hasTimes: boolean }) {
    this.#skipped = options.skipped;
    this.#hasTimes = options.hasTimes;
  }

  get count(): number {
    return this.#count;
  }

  /** What to show of a piece. */
  push({ stream, time, bytes }: LogEntry): Buffer {
    const shown: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (!this.#open[stream]) {
        this.#isShown[stream] = this.#count >= this.#skipped;
        this.#count++;
        if (this.#isShown[stream] && this.#hasTimes) shown.push(Buffer.from(`${time} `));
      }
      const newline = bytes.indexOf(NEWLINE, at);
      const end = newline === -1 ? bytes.length : newline + 1;
      if (this.#isShown[stream]) shown.push(bytes.subarray(at, end));
      this.#open[stream] = newline === -1;
      at = end;
    }
    return Buffer.concat(shown);
  }
}
