import type { BytePath } from '../core/bytes.ts';
import { compileGlob, matchesWhole } from './glob.ts';

/** A compiled pattern of Go's `filepath.Match`, the wildcards of COPY and ADD. */
export interface GoPattern {
  /** Whether it matches the whole name. */
  matches(name: BytePath): boolean;
}

/**
 * Compiles a pattern: `*` and `?` never match `/`, `[a-z]` and `[^a]` are classes, `\` escapes.
 * Undefined if the syntax is wrong (Go: "syntax error in pattern"). Names are bytes in UTF-8: `?` is
 * one character, or one byte that is not valid UTF-8.
 */
export function compileGoPattern(pattern: string): GoPattern | undefined {
  const glob = compileGlob(pattern, { hasDoubleStar: false });
  return glob === undefined ? undefined : { matches: (name) => matchesWhole(glob, name) };
}
