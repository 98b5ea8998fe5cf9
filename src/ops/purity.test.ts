import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** Every file that `entry` loads at run time, and the modules of Node among them. */
function loadedBy(entry: string): Set<string> {
  const seen = new Set<string>();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    if (!file.startsWith('/')) continue;
    const text = readFileSync(file, 'utf8');
    for (const [, clause = '', name = ''] of text.matchAll(/^import ([^;]*?)from '([^']+)';$/gms)) {
      if (clause.startsWith('type ')) continue;
      waiting.push(name.startsWith('.') ? resolve(dirname(file), name) : name);
    }
  }
  return seen;
}

// Planning and lowering run in browsers too.
test.each([
  'lower-stages.ts',
  'print-graph.ts',
  '../stages/plan-stages.ts',
  '../stages/named-context.ts',
])('%s loads nothing from outside the repository', (entry) => {
  const loaded = loadedBy(resolve(import.meta.dirname, entry));
  expect([...loaded].filter((name) => !name.startsWith('/'))).toEqual([]);
  expect(loaded.size).toBeGreaterThan(1);
});
