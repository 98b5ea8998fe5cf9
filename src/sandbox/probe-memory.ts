import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { readFileCapped } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';

/**
 * That a way of isolating steps was tried and worked, kept between runs until what it depends on changes: to
 * try it takes as long as a step. Only successes are kept. `directory` undefined keeps nothing.
 */

/** What was found, by name. */
type ProbeFacts = Readonly<Record<string, string | boolean>>;

const MAX_BYTES = 4096;

/** What was kept for `name` under this `key`; undefined when there is nothing, or it is damaged. */
export function recallProbe(
  directory: string | undefined,
  name: string,
  key: string,
): ProbeFacts | undefined {
  if (directory === undefined) return undefined;
  try {
    const bytes = readFileCapped(memoryPath(directory, name), MAX_BYTES);
    if (bytes === undefined) return undefined;
    const kept = JSON.parse(bytes.toString()) as { readonly key?: unknown; facts?: ProbeFacts };
    return kept.key === key && typeof kept.facts === 'object' ? kept.facts : undefined;
  } catch {
    // A damaged memory is none.
    return undefined;
  }
}

/** Keeps `facts` for `name`, in place of what was kept before. */
export function rememberProbe(
  directory: string | undefined,
  name: string,
  key: string,
  facts: ProbeFacts,
): void {
  if (directory === undefined) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  replaceFile(memoryPath(directory, name), JSON.stringify({ key, facts }));
}

/** For a success that turned out not to hold any more. */
export function forgetProbe(directory: string | undefined, name: string): void {
  if (directory !== undefined) rmSync(memoryPath(directory, name), { force: true });
}

function memoryPath(directory: string, name: string): string {
  return path.join(directory, `probe-${name}.json`);
}
