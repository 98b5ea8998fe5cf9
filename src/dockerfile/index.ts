/**
 * Dockerfiles as data: parse, expand, print, and the rules of `.dockerignore`.
 *
 * In: text. Out: a tree with exact source positions, and everything that is wrong with the text.
 * Nothing here does input or output or needs Node.js, so it works in browsers as well.
 */
export type * from './ast.ts';
export { expandWord, expandWords } from './expand.ts';
export type {
  ExpandOptions,
  Expansion,
  ExpansionFailure,
  VariableLookup,
  WordsExpansion,
} from './expand.ts';
export { parseIgnoreFile } from './ignore-file.ts';
export type { ParsedIgnoreFile } from './ignore-file.ts';
export { applyCheckDirective } from './lint/apply-check-directive.ts';
export type { AppliedChecks } from './lint/apply-check-directive.ts';
export type { LintContext } from './lint/lint-file.ts';
export { lintDockerfile } from './lint/run-lint.ts';
export { parseDockerfile, parseOnbuildTrigger } from './parse-dockerfile.ts';
export type { ParsedDockerfile, ParsedTrigger } from './parse-dockerfile.ts';
export { compilePatterns } from './pattern-matcher.ts';
export type {
  CompiledPatterns,
  PatternMatch,
  PatternMatcher,
  PatternSource,
} from './pattern-matcher.ts';
export { printDockerfile } from './print-dockerfile.ts';
export { parseRunDevice } from './run-device.ts';
export type { RunDevice, RunDeviceResult } from './run-device.ts';
export { parseRunMount } from './run-mount.ts';
export type {
  CacheSharing,
  ExpandValue,
  RunMount,
  RunMountResult,
  RunMountType,
} from './run-mount.ts';
export type { Diagnostic } from '../diagnostics/diagnostic.ts';
export type { SourceFile, Span } from '../diagnostics/source.ts';
