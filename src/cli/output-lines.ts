import { StringDecoder } from 'node:string_decoder';
import { visibleLine } from '../diagnostics/visible-text.ts';

/** Chars after which a line that does not end is broken. */
const MAX_LINE_CHARS = 64 * 1024;

/** Control sequences: CSI, OSC and the other strings up to their end, and two-char escapes. */
const SEQUENCE =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-~])/g;
const COLOUR = /^\u001b\[[0-9;:]*m$/;

/**
 * Cuts what a step prints into lines that are fit for a terminal. Bytes may be split anywhere, also
 * inside a character. Text that a carriage return overwrites is left out, as a terminal would.
 */
export class OutputLines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #keepsColour: boolean;
  #rest = '';

  constructor(options: { readonly keepsColour: boolean }) {
    this.#keepsColour = options.keepsColour;
  }

  /** The lines that these bytes complete. */
  push(bytes: Uint8Array): string[] {
    this.#rest += this.#decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    const pieces = this.#rest.split('\n');
    this.#rest = pieces.pop() ?? '';
    while (this.#rest.length > MAX_LINE_CHARS) {
      pieces.push(this.#rest.slice(0, MAX_LINE_CHARS));
      this.#rest = this.#rest.slice(MAX_LINE_CHARS);
    }
    return pieces.map((piece) => this.#clean(piece));
  }

  /** The line that is being written, as it stands; empty when there is none. */
  get unfinished(): string {
    return this.#rest === '' ? '' : this.#clean(this.#rest);
  }

  /** The last line, when it did not end in a newline. */
  finish(): string[] {
    const last = this.#rest + this.#decoder.end();
    this.#rest = '';
    return last === '' ? [] : [this.#clean(last)];
  }

  #clean(line: string): string {
    return cleanOutputLine(line, this.#keepsColour);
  }
}

/** One line of output without anything that acts on the terminal, colours apart when they are kept. */
export function cleanOutputLine(line: string, keepsColour: boolean): string {
  const written = afterReturns(line);
  if (!written.includes('\u001b')) return visibleLine(written);
  let out = '';
  let from = 0;
  let isColoured = false;
  for (const match of written.matchAll(SEQUENCE)) {
    out += visibleLine(written.slice(from, match.index));
    from = match.index + match[0].length;
    if (keepsColour && COLOUR.test(match[0])) {
      out += match[0];
      isColoured = true;
    }
  }
  out += visibleLine(written.slice(from));
  return isColoured ? `${out}\u001b[0m` : out;
}

/** What is left on the line when the carriage returns have been obeyed, roughly: the last text written. */
function afterReturns(line: string): string {
  if (!line.includes('\r')) return line;
  const parts = line.split('\r').filter((part) => part !== '');
  return parts.at(-1) ?? '';
}
