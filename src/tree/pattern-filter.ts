import { bytesToText, type BytePath } from '../core/bytes.ts';
import { compileGoPattern, type GoPattern } from '../dockerfile/go-match.ts';
import {
  compilePatterns,
  type PatternMatcher,
  type PatternSource,
} from '../dockerfile/pattern-matcher.ts';
import { invalidCopyPattern } from './copy-source-errors.ts';
import type { WalkDecision, WalkFilter } from './walk-selected.ts';

/** A name of a COPY source as a pattern. @throws BuildError COPY_PATTERN_INVALID */
export function nameMatcher(pattern: BytePath): GoPattern {
  const text = bytesToText(pattern);
  const compiled = compileGoPattern(text);
  if (compiled === undefined) throw invalidCopyPattern(text);
  return compiled;
}

/**
 * The filter of one COPY: of all files below its root only those that `include` or a directory above
 * matches, and none that `excludes` do. Undefined when it would let everything through.
 *
 * @throws BuildError COPY_PATTERN_INVALID
 */
export function copyFilter(
  include: string | undefined,
  excludes: readonly string[],
): WalkFilter | undefined {
  const excluded = excludes.length === 0 ? undefined : compile(excludes);
  // All are left out but what is wanted: an exception of this kind also finds the way down to it.
  const others = include === undefined ? undefined : compile(['**', `!${include}`]);
  if (excluded === undefined && others === undefined) return undefined;
  return { decide: (path) => decide(path, excluded, others) };
}

function decide(
  path: BytePath,
  excluded: PatternMatcher | undefined,
  others: PatternMatcher | undefined,
): WalkDecision {
  const isExcluded = excluded?.matches(path).isIgnored === true;
  const isOther = others?.matches(path).isIgnored === true;
  return {
    isSelected: !isExcluded && !isOther,
    mayContain: mayContain(excluded, isExcluded, path) && mayContain(others, isOther, path),
  };
}

function mayContain(matcher: PatternMatcher | undefined, isOut: boolean, path: BytePath): boolean {
  return !isOut || matcher?.mayContainReincluded(path) === true;
}

function compile(patterns: readonly string[]): PatternMatcher {
  const sources = patterns.map((text): PatternSource => ({
    text,
    line: 1,
    span: { file: { path: '--exclude', text }, start: 0, end: text.length },
  }));
  const { matcher, diagnostics } = compilePatterns(sources);
  const [wrong] = diagnostics;
  if (wrong !== undefined) throw invalidCopyPattern(wrong.span.file.text);
  return matcher;
}
