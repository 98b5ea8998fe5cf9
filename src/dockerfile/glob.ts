import { decodeUtf8, hasHighCharacters } from './utf8.ts';

/**
 * A path pattern as a list of things to match, one after the other. It is run as a set of positions
 * that moves through the path once, so the time is at most pattern length times path length.
 */
export type Glob = readonly Token[];

type Token =
  | { readonly kind: 'literal'; readonly point: number }
  /** `?`: one character, not `/`. */
  | { readonly kind: 'any' }
  /** `[a-z]`, `[^a]`: one character, `/` as well if it is in the class. */
  | {
      readonly kind: 'class';
      readonly isNegated: boolean;
      readonly ranges: readonly CharacterRange[];
    }
  /** `*`: any run without `/`. */
  | { readonly kind: 'star' }
  /** `**` at the end: anything. */
  | { readonly kind: 'rest' }
  /** `**` elsewhere: nothing, or else `dirs`, which follows. */
  | { readonly kind: 'optional-dirs' }
  /** Anything up to a `/`. Only comes after `optional-dirs`. */
  | { readonly kind: 'dirs' };

type CharacterRange = readonly [low: number, high: number];

const SLASH = 0x2f;
const BACKSLASH = 0x5c;

/** Undefined if the syntax is wrong: an open bracket, an empty class, an escape with nothing behind it. */
export function compileGlob(
  pattern: string,
  options: { readonly hasDoubleStar: boolean },
): Glob | undefined {
  const points = Array.from(pattern, (character) => character.codePointAt(0) ?? 0);
  const tokens: Token[] = [];
  for (let at = 0; at < points.length;) {
    const point = points[at++] ?? 0;
    switch (String.fromCodePoint(point)) {
      case '*':
        if (options.hasDoubleStar && points[at] === point) at = addDoubleStar(tokens, points, at);
        else tokens.push({ kind: 'star' });
        break;
      case '?':
        tokens.push({ kind: 'any' });
        break;
      case '[': {
        const found = readClass(points, at);
        if (found === undefined) return undefined;
        tokens.push(found.token);
        at = found.end;
        break;
      }
      case '\\': {
        const escaped = points[at++];
        if (escaped === undefined) return undefined;
        tokens.push({ kind: 'literal', point: escaped });
        break;
      }
      default:
        tokens.push({ kind: 'literal', point });
    }
  }
  return tokens;
}

/** `at` is behind the first star. A `/` right behind the stars belongs to them. */
function addDoubleStar(tokens: Token[], points: readonly number[], at: number): number {
  const end = points[at + 1] === SLASH ? at + 2 : at + 1;
  if (end >= points.length) tokens.push({ kind: 'rest' });
  else tokens.push({ kind: 'optional-dirs' }, { kind: 'dirs' });
  return end;
}

/** `start` is behind the `[`. */
function readClass(
  points: readonly number[],
  start: number,
): { token: Token; end: number } | undefined {
  const isNegated = points[start] === 0x5e;
  const ranges: CharacterRange[] = [];
  let at = isNegated ? start + 1 : start;
  for (;;) {
    if (points[at] === 0x5d && ranges.length > 0) {
      return { token: { kind: 'class', isNegated, ranges }, end: at + 1 };
    }
    const low = readClassCharacter(points, at);
    if (low === undefined) return undefined;
    at = low.end;
    let high = low;
    if (points[at] === 0x2d) {
      const after = readClassCharacter(points, at + 1);
      if (after === undefined) return undefined;
      high = after;
      at = after.end;
    }
    ranges.push([low.point, high.point]);
  }
}

/** Something has to come behind it, at least the `]`. */
function readClassCharacter(
  points: readonly number[],
  start: number,
): { point: number; end: number } | undefined {
  if (points[start] === 0x2d || points[start] === 0x5d) return undefined;
  const at = points[start] === BACKSLASH ? start + 1 : start;
  const point = points[at];
  return point === undefined || at + 1 >= points.length ? undefined : { point, end: at + 1 };
}

/** Whether the pattern matches the whole path, given as UTF-8 bytes. */
export function matchesWhole(glob: Glob, path: string): boolean {
  return runOver(glob, path, false).isAtEnd();
}

/** Whether the pattern matches the path or one of the directories above it. */
export function matchesPathOrParent(glob: Glob, path: string): boolean {
  return runOver(glob, path, true).isAtEnd();
}

/** Whether the pattern may match something below the directory. */
export function mayMatchBelow(glob: Glob, directory: string): boolean {
  return !runOver(glob, `${directory}/`, false).isEmpty();
}

/** Moves through the path until it ends or no position is left, or to a directory that matches. */
function runOver(glob: Glob, path: string, stopsAtParent: boolean): Positions {
  const points = hasHighCharacters(path) ? decodeUtf8(path) : undefined;
  const length = points?.length ?? path.length;
  let now = new Positions(glob);
  let next = new Positions(glob);
  now.add(0);
  for (let at = 0; at < length && !now.isEmpty(); at++) {
    const point = points === undefined ? path.charCodeAt(at) : (points[at] ?? 0);
    if (stopsAtParent && point === SLASH && now.isAtEnd()) return now;
    now.advance(point, next);
    [now, next] = [next, now];
    next.clear();
  }
  return now;
}

/** A set of indexes into the pattern: where matching may go on. */
class Positions {
  readonly #glob: Glob;
  readonly #has: Uint8Array;
  #list: number[] = [];

  constructor(glob: Glob) {
    this.#glob = glob;
    this.#has = new Uint8Array(glob.length + 1);
  }

  isEmpty(): boolean {
    return this.#list.length === 0;
  }

  isAtEnd(): boolean {
    return this.#has[this.#glob.length] === 1;
  }

  clear(): void {
    for (const index of this.#list) this.#has[index] = 0;
    this.#list = [];
  }

  /** Adds an index and those that can be reached from it without a character. */
  add(start: number): void {
    for (let index = start; this.#has[index] === 0; index++) {
      this.#has[index] = 1;
      this.#list.push(index);
      const kind = this.#glob[index]?.kind;
      if (kind === 'optional-dirs') this.add(index + 1);
      // Skipping the optional directories means skipping both of their tokens.
      if (kind === 'optional-dirs') index++;
      else if (kind !== 'star' && kind !== 'rest') return;
    }
  }

  /** Puts into `next` what is left after one more character. */
  advance(point: number, next: Positions): void {
    for (const index of this.#list) {
      const token = this.#glob[index];
      if (token === undefined) continue;
      switch (token.kind) {
        case 'literal':
          if (token.point === point) next.add(index + 1);
          break;
        case 'any':
          if (point !== SLASH) next.add(index + 1);
          break;
        case 'class':
          if (isInClass(token, point)) next.add(index + 1);
          break;
        case 'star':
          if (point !== SLASH) next.add(index);
          break;
        case 'rest':
          next.add(index);
          break;
        case 'dirs':
          next.add(index);
          if (point === SLASH) next.add(index + 1);
          break;
        case 'optional-dirs':
          break;
      }
    }
  }
}

function isInClass(
  { isNegated, ranges }: { isNegated: boolean; ranges: readonly CharacterRange[] },
  point: number,
): boolean {
  return ranges.some(([low, high]) => low <= point && point <= high) !== isNegated;
}
