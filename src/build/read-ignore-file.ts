import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Emit } from '../events/event.ts';
import { parseIgnoreFile } from '../dockerfile/ignore-file.ts';
import type { PatternMatcher } from '../dockerfile/pattern-matcher.ts';
import { dockerfileUnreadable } from './errors.ts';
import { leadsOutside } from './leads-outside.ts';
import { throwDiagnostics } from './throw-diagnostics.ts';

const MAX_IGNORE_FILE_BYTES = 4 * 1024 * 1024;

/** Where the ignore file of a context may be, first choice first: host paths. */
export function ignoreFilePaths(
  contextDir: string,
  dockerfilePath: string | undefined,
): [...own: string[], shared: string] {
  const own = dockerfilePath === undefined ? [] : [`${dockerfilePath}.dockerignore`];
  return [...own, join(contextDir, '.dockerignore')];
}

/**
 * The ignore rules of a context: `<Dockerfile>.dockerignore` beside the Dockerfile goes before, and
 * replaces, `.dockerignore` in the context. Undefined when there is neither.
 */
export function readIgnoreFile(
  contextDir: string,
  dockerfilePath: string | undefined,
  emit: Emit,
): PatternMatcher | undefined {
  const paths = ignoreFilePaths(contextDir, dockerfilePath);
  const shared = paths[paths.length - 1] ?? '';
  const path = paths.find((each) => existsSync(each)) ?? shared;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isFile()) throw dockerfileUnreadable(path, 'it is not a regular file');
  if (stat.size > MAX_IGNORE_FILE_BYTES) {
    throw dockerfileUnreadable(path, `it has ${String(stat.size)} bytes, which is too large`);
  }
  const name = path === shared ? '.dockerignore' : path;
  const text = readFileSync(path, 'utf8');
  const isPrivate = leadsOutside(path, contextDir);
  const { matcher, diagnostics } = parseIgnoreFile({ path: name, text, isPrivate });
  throwDiagnostics(diagnostics, emit);
  return matcher;
}

/** The same rules for the build checks. What is wrong with them is told when the context is read. */
export function lintIgnoreFile(
  contextDir: string | undefined,
  dockerfilePath: string | undefined,
): PatternMatcher | undefined {
  return contextDir === undefined
    ? undefined
    : readIgnoreFile(contextDir, dockerfilePath, () => undefined);
}
