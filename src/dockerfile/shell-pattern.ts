/**
 * Patterns of `${v#p}`, `${v%p}` and `${v/p/r}`: `*` is any run of characters, `?` any one character,
 * neither of them a newline; `\` makes `*`, `?` and `\` ordinary. There are no brackets.
 */
export interface ShellPattern {
  /** What stands between the stars; each element is a character, or `ANY` for `?`. */
  readonly segments: readonly (readonly Element[])[];
}

const ANY = Symbol('?');
type Element = string | typeof ANY;
/** A string without surrogate pairs, or else its code points. */
type Characters = ArrayLike<string>;

/** Character comparisons in one substitution: about a tenth of a second. */
const MAX_STEPS = 50_000_000;

export class ShellPatternError extends Error {}

/** Throws `ShellPatternError` with `invalid escape '\x'`. */
export function parseShellPattern(text: string): ShellPattern {
  const characters = Array.from(text);
  let segment: Element[] = [];
  const segments: Element[][] = [segment];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? '';
    if (character === '*') {
      segment = [];
      segments.push(segment);
    } else if (character === '?') {
      segment.push(ANY);
    } else if (character === '\\') {
      const next = characters[++i] ?? '\uFFFD';
      // `}` and `/` are escaped for the sake of `${}`; the backslash is not part of the pattern.
      if (!'}/*?\\'.includes(next)) throw new ShellPatternError(`invalid escape '\\${next}'`);
      segment.push(next);
    } else {
      segment.push(character);
    }
  }
  return { segments };
}

/** The value without the shortest (or longest) prefix that matches. */
export function trimPrefix(value: string, pattern: ShellPattern, longest: boolean): string {
  const characters = charactersOf(value);
  const end = new Matcher(characters, pattern).matchFrom(0, longest);
  return end < 0 ? value : textOf(characters, end, characters.length);
}

/** The value without the shortest (or longest) suffix that matches. */
export function trimSuffix(value: string, pattern: ShellPattern, longest: boolean): string {
  const reversed = Array.from(value).reverse();
  const mirrored = { segments: pattern.segments.map((part) => [...part].reverse()).reverse() };
  const end = new Matcher(reversed, mirrored).matchFrom(0, longest);
  return end < 0 ? value : reversed.slice(end).reverse().join('');
}

/** Replaces the first match, or all of them. The longest match at each place wins. */
export function replaceMatches(
  value: string,
  pattern: ShellPattern,
  replacement: string,
  options: { readonly all: boolean; readonly maxLength: number },
): string {
  const characters = charactersOf(value);
  const matcher = new Matcher(characters, pattern);
  const parts: string[] = [];
  let length = 0;
  let copied = 0;
  let from = 0;
  while (from <= characters.length) {
    const match = matcher.find(from);
    if (match === undefined) break;
    const before = textOf(characters, copied, match.start);
    // An empty match right after another match does not count, as in Go's ReplaceAll.
    const isAdjacentEmpty = match.end === match.start && match.start === copied && copied > 0;
    parts.push(before, isAdjacentEmpty ? '' : replacement);
    length += before.length + replacement.length;
    if (length > options.maxLength) throw new ShellPatternError('the result is too long');
    copied = match.end;
    from = match.end > match.start ? match.end : match.end + 1;
    if (!options.all) break;
  }
  return parts.join('') + textOf(characters, copied, characters.length);
}

class Matcher {
  readonly #text: Characters;
  readonly #segments: ShellPattern['segments'];
  readonly #isOneLine: boolean;
  #steps = MAX_STEPS;

  constructor(text: Characters, pattern: ShellPattern) {
    this.#text = text;
    this.#segments = pattern.segments;
    this.#isOneLine = pattern.segments.every((part) => !part.includes('\n'));
  }

  /** The end of the match that begins at `start`, or -1. */
  matchFrom(start: number, longest: boolean): number {
    const last = this.#segments.length - 1;
    let at = start;
    for (const [index, segment] of this.#segments.entries()) {
      if (index === 0) {
        if (!this.#matchesAt(at, segment)) return -1;
      } else {
        // Taking each middle part as early as possible leaves the most room for what follows.
        at = index === last && longest ? this.#findLast(at, segment) : this.#findFirst(at, segment);
        if (at < 0) return -1;
      }
      at += segment.length;
    }
    return at;
  }

  /** The leftmost match at or after `from`, as long as possible. */
  find(from: number): { start: number; end: number } | undefined {
    const first = this.#segments[0] ?? [];
    for (let start = from; start <= this.#text.length; start++) {
      this.#spend(1);
      if (!this.#matchesAt(start, first)) continue;
      const end = this.matchFrom(start, true);
      if (end >= 0) return { start, end };
      // A match stays within one line. If the rest is not found from here, later starts fail as well.
      if (this.#isOneLine) start = this.#lineEnd(start);
    }
    return undefined;
  }

  #matchesAt(at: number, segment: readonly Element[]): boolean {
    if (at + segment.length > this.#text.length) return false;
    for (let i = 0; i < segment.length; i++) {
      this.#spend(1);
      const wanted = segment[i];
      const found = this.#text[at + i];
      if (wanted === ANY ? found === '\n' : found !== wanted) return false;
    }
    return true;
  }

  #findFirst(from: number, segment: readonly Element[]): number {
    for (let at = from; at + segment.length <= this.#text.length; at++) {
      this.#spend(1);
      if (this.#matchesAt(at, segment)) return at;
      if (this.#text[at] === '\n') return -1;
    }
    return -1;
  }

  #findLast(from: number, segment: readonly Element[]): number {
    const latest = Math.min(this.#lineEnd(from), this.#text.length - segment.length);
    for (let at = latest; at >= from; at--) {
      this.#spend(1);
      if (this.#matchesAt(at, segment)) return at;
    }
    return -1;
  }

  #lineEnd(from: number): number {
    let at = from;
    while (at < this.#text.length && this.#text[at] !== '\n') at++;
    this.#spend(at - from);
    return at;
  }

  #spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new ShellPatternError('matching takes too long');
  }
}

function charactersOf(text: string): Characters {
  return /[\ud800-\udfff]/.test(text) ? Array.from(text) : text;
}

function textOf(characters: Characters, start: number, end: number): string {
  if (typeof characters === 'string') return characters.slice(start, end);
  return Array.prototype.slice.call(characters, start, end).join('');
}
