import type { BytePath } from '../core/bytes.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import { cleanPath } from './clean-path.ts';
import { invalidPattern } from './errors.ts';
import { compileGlob, matchesPathOrParent, mayMatchBelow, type Glob } from './glob.ts';
import { encodeUtf8 } from './utf8.ts';
import { trimSpace } from './white-space.ts';

/** A pattern and where it is written: a line of an ignore file, a flag. */
export interface PatternSource {
  /** As written, or cleaned by `parseIgnoreFile`; `!` in front makes it an exception. */
  readonly text: string;
  /** 1 for the first line of the file. */
  readonly line: number;
  readonly span: Span;
}

/** What became of a path. */
export interface PatternMatch {
  readonly isIgnored: boolean;
  /** The rule that decided; undefined if none matched. */
  readonly rule: PatternSource | undefined;
  /** Line of that rule. */
  readonly byLine: number | undefined;
}

/** The rules of an ignore file, or of the `--exclude` flags of one instruction. */
export interface PatternMatcher {
  /**
   * The last rule that matches the path or a directory above it wins. `path` is relative, without
   * `./` and without a slash at the end; "" and "." are never ignored.
   */
  matches(path: BytePath): PatternMatch;
  /** Whether an exception may match below an ignored directory. If not, nobody needs to read it. */
  mayContainReincluded(directory: BytePath): boolean;
  /** Whether any rule is an exception, one with `!`. */
  readonly hasExceptions: boolean;
  /** Whether a rule ignores everything at the root: `*`, `**`, or both. */
  readonly ignoresAll: boolean;
}

/** A matcher from the patterns that are right; the others are reported. */
export interface CompiledPatterns {
  readonly matcher: PatternMatcher;
  readonly diagnostics: readonly Diagnostic[];
}

interface Rule {
  readonly source: PatternSource;
  readonly isException: boolean;
  /** Cleaned, without the `!`. */
  readonly pattern: string;
  /** Whether it matches the path or a directory above it. */
  readonly matches: (path: string) => boolean;
  readonly mayMatchBelow: (directory: string) => boolean;
}

const NOT_IGNORED: PatternMatch = { isIgnored: false, rule: undefined, byLine: undefined };

/**
 * Compiles patterns with the semantics of moby/patternmatcher (`MatchesOrParentMatches`). Two
 * deliberate differences: `\d` and the like are the letters, not classes of a regular expression, and
 * `**` matches names with a newline in them.
 */
export function compilePatterns(sources: readonly PatternSource[]): CompiledPatterns {
  const rules: Rule[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const source of sources) {
    const text = trimSpace(source.text);
    if (text === '') continue;
    const cleaned = cleanPath(text);
    const isException = cleaned.startsWith('!');
    const pattern = isException ? cleaned.slice(1) : cleaned;
    if (pattern === '') {
      diagnostics.push(invalidPattern('illegal exclusion pattern: "!"', source.span));
      continue;
    }
    const glob = compileGlob(pattern, { hasDoubleStar: true });
    if (glob === undefined) {
      diagnostics.push(invalidPattern('syntax error in pattern', source.span));
      continue;
    }
    rules.push({
      source,
      isException,
      pattern,
      matches: fastMatcher(pattern, glob),
      mayMatchBelow: (directory) => mayMatchBelow(glob, directory),
    });
  }
  return { matcher: matcherOf(rules), diagnostics };
}

function matcherOf(rules: readonly Rule[]): PatternMatcher {
  return {
    hasExceptions: rules.some(({ isException }) => isException),
    ignoresAll: rules.some(
      ({ isException, pattern }) => !isException && /^(?:\*|\*\*|\*\*\/\*)$/.test(pattern),
    ),
    matches(path) {
      if (path === '' || path === '.') return NOT_IGNORED;
      let isIgnored = false;
      let rule: PatternSource | undefined;
      for (const candidate of rules) {
        // A rule that would change nothing need not be looked at.
        if (candidate.isException !== isIgnored || !candidate.matches(path)) continue;
        isIgnored = !candidate.isException;
        rule = candidate.source;
      }
      return { isIgnored, rule, byLine: rule?.line };
    },
    mayContainReincluded(directory) {
      // Behind the last rule that ignores all of the directory, only exceptions count.
      for (let i = rules.length - 1; i >= 0; i--) {
        const rule = rules[i];
        if (rule === undefined) continue;
        if (!rule.isException && rule.matches(directory)) return false;
        if (rule.isException && rule.mayMatchBelow(directory)) return true;
      }
      return false;
    },
  };
}

/** Most patterns are plain names, `name/**` or two stars and a name: those need no run over the pattern. */
function fastMatcher(pattern: string, glob: Glob): (path: string) => boolean {
  const plain = encodeUtf8(pattern);
  if (!/[*?[\\]/.test(pattern)) {
    return (path) =>
      path === plain || (path.startsWith(plain) && path.charAt(plain.length) === '/');
  }
  if (/^\*\*[^*?[\\]*$/.test(pattern)) return suffixMatcher(plain.slice(2));
  if (/^[^*?[\\]*\*\*$/.test(pattern)) {
    const prefix = plain.slice(0, -2);
    return (path) => path.startsWith(prefix);
  }
  const last = glob.at(-1);
  const lastPoint = last?.kind === 'literal' && last.point < 0x80 ? last.point : undefined;
  const ending = lastPoint === undefined ? undefined : String.fromCharCode(lastPoint);
  return (path) => {
    // `*.log` cannot match a path without a `g`.
    if (ending !== undefined && !path.includes(ending)) return false;
    return matchesPathOrParent(glob, path);
  };
}

/** `**` and a plain text: the path, or a directory above it, ends with the text. */
function suffixMatcher(suffix: string): (path: string) => boolean {
  if (suffix === '') return () => true;
  const bare = suffix.startsWith('/') ? suffix.slice(1) : suffix;
  return (path) => {
    for (let at = path.indexOf(bare); at >= 0; at = path.indexOf(bare, at + 1)) {
      const end = at + bare.length;
      const isWholeName = end === path.length || path.charAt(end) === '/';
      const isAtStart = suffix === bare || at === 0 || path.charAt(at - 1) === '/';
      if (isWholeName && isAtStart) return true;
    }
    return false;
  };
}
