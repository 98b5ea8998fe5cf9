import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readings } from './read-images.ts';

/** What was read of one test file. */
interface Entry {
  readonly file: string;
  /** What collecting and reading took. */
  readonly ms: number;
  readonly counts: readonly (readonly [string, number])[];
}

/** Notes in the directory of the run what was read of a test file. */
export function report(dir: string, file: string, ms: number, { counts }: Readings): void {
  const entry: Entry = { file, ms, counts: [...counts] };
  appendFileSync(join(dir, 'report'), `${JSON.stringify(entry)}\n`);
}

/** All that was noted, in a few lines for people. */
export function renderReport(dir: string): string {
  const path = join(dir, 'report');
  if (!existsSync(path)) return '';
  const entries = readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Entry]));
  const counts = new Map<string, number>();
  for (const [what, count] of entries.flatMap((entry) => entry.counts)) {
    counts.set(what, (counts.get(what) ?? 0) + count);
  }
  const lines = [...counts].sort().map(([what, count]) => `  ${count} ${what}\n`);
  const seconds = entries.reduce((sum, { ms }) => sum + ms, 0) / 1000;
  const files = entries.filter((entry) => entry.counts.length > 0).length;
  if (files === 0) return '';
  return `Images of ${files} test files were read back in ${seconds.toFixed(1)} s:\n${lines.join('')}`;
}
