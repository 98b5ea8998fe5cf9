import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { cleanPath } from './clean-path.ts';
import { ignoreFileTooLarge } from './errors.ts';
import { compilePatterns, type PatternMatcher, type PatternSource } from './pattern-matcher.ts';
import { trimRange, trimSpace } from './white-space.ts';

/** UTF-16 units. Real ones have a few lines. */
const MAX_IGNORE_FILE_LENGTH = 4 * 1024 * 1024;
/** Every path of the context is held against every pattern. */
const MAX_IGNORE_PATTERNS = 10_000;

export interface ParsedIgnoreFile {
  /** Cleaned: no leading slash, no `.` and `..` inside. `!` stays in front of exceptions. */
  readonly patterns: readonly PatternSource[];
  readonly matcher: PatternMatcher;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads a `.dockerignore` by the rules of moby/patternmatcher's `ignorefile`: `#` is a comment in
 * column 1 only, white space around a pattern does not count, `/a` means `a`.
 */
export function parseIgnoreFile(source: SourceFile): ParsedIgnoreFile {
  const patterns: PatternSource[] = [];
  const { text } = source;
  const start = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 0;
  for (let at = start; at < text.length && patterns.length <= MAX_IGNORE_PATTERNS;) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    line++;
    const range = trimRange(text, { start: at, end });
    if (text.charAt(at) !== '#' && range.start < range.end) {
      const pattern = normalize(text.slice(range.start, range.end));
      patterns.push({ text: pattern, line, span: { file: source, ...range } });
    }
    at = end + 1;
  }
  if (text.length > MAX_IGNORE_FILE_LENGTH || patterns.length > MAX_IGNORE_PATTERNS) {
    const whole = { file: source, start: 0, end: 0 };
    const found = `more than ${MAX_IGNORE_PATTERNS} patterns or ${MAX_IGNORE_FILE_LENGTH} characters`;
    const { matcher } = compilePatterns([]);
    return { patterns: [], matcher, diagnostics: [ignoreFileTooLarge(found, whole)] };
  }
  return { patterns, ...compilePatterns(patterns) };
}

function normalize(pattern: string): string {
  const isException = pattern.startsWith('!');
  const bare = isException ? trimSpace(pattern.slice(1)) : pattern;
  const cleaned = bare === '' ? '' : cleanPath(bare);
  const relative = cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned;
  return isException ? `!${relative}` : relative;
}
