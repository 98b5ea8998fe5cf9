import { invalidImage } from './errors.ts';

/** A JSON object from outside. Null prototype: `__proto__` and `constructor` are keys like others. */
export type UntrustedObject = Readonly<Record<string, unknown>>;

/** Deeper nesting has no use in any image document, and recursion must end. */
const MAX_DEPTH = 64;

/**
 * Parses JSON that another party wrote. Stricter than `JSON.parse`: no duplicate keys (two readers
 * could each see another image), UTF-8 only, depth at most 64, no integers that would be rounded.
 * @throws BuildError INVALID_IMAGE, naming `what`.
 */
export function parseStrictJson(bytes: Uint8Array, what: string): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalidImage(what, 'it is not UTF-8');
  }
  return new StrictParser(text, what).document();
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** Up to the closing quote; escapes are checked by JSON.parse. */
const STRING_PART = /[^"\\\u0000-\u001f]*/y;
const WHITE_SPACE = /[ \t\n\r]*/y;

class StrictParser {
  readonly #text: string;
  readonly #what: string;
  #at = 0;

  constructor(text: string, what: string) {
    this.#text = text;
    this.#what = what;
  }

  document(): unknown {
    const value = this.#value(0);
    this.#skip();
    if (this.#at < this.#text.length) throw this.#fault('more follows after its end');
    return value;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw this.#fault(`it is nested deeper than ${MAX_DEPTH} levels`);
    this.#skip();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): UntrustedObject {
    const object = Object.create(null) as Record<string, unknown>;
    this.#at++;
    this.#skip();
    if (this.#takes('}')) return object;
    do {
      this.#skip();
      if (this.#text[this.#at] !== '"') throw this.#fault('a key is missing');
      const key = this.#string();
      if (key in object) throw this.#fault(`the key "${shortened(key)}" stands there twice`);
      this.#skip();
      if (!this.#takes(':')) throw this.#fault('a ":" is missing');
      object[key] = this.#value(depth + 1);
      this.#skip();
    } while (this.#takes(','));
    if (!this.#takes('}')) throw this.#fault('a "}" is missing');
    return object;
  }

  #array(depth: number): readonly unknown[] {
    const array: unknown[] = [];
    this.#at++;
    this.#skip();
    if (this.#takes(']')) return array;
    do {
      array.push(this.#value(depth + 1));
      this.#skip();
    } while (this.#takes(','));
    if (!this.#takes(']')) throw this.#fault('a "]" is missing');
    return array;
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      this.#match(STRING_PART);
      const next = this.#text[this.#at];
      if (next === '"') break;
      if (next !== '\\') throw this.#fault('a string does not end');
      this.#at += 2;
    }
    this.#at++;
    try {
      return JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      throw this.#fault('a string has a bad escape');
    }
  }

  #number(): number {
    const digits = this.#match(NUMBER);
    if (digits === '') throw this.#fault('it is not JSON');
    const value = Number(digits);
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
      throw this.#fault(`the number ${shortened(digits)} is too large`);
    }
    return value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#fault('it is not JSON');
    this.#at += word.length;
    return value;
  }

  #skip(): void {
    this.#match(WHITE_SPACE);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #takes(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #fault(found: string): Error {
    return invalidImage(this.#what, `${found} (at character ${this.#at})`);
  }
}

function shortened(text: string): string {
  const printable = text.replace(/[\u0000-\u001f\u007f-\u009f"]/g, '?');
  return printable.length > 40 ? `${printable.slice(0, 40)}…` : printable;
}
