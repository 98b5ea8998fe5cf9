import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildSync } from 'esbuild';
import { readableStack } from './readable-stack.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-stack-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

describe('readableStack()', () => {
  test('names the places of the source files that a bundle was made of', () => {
    writeFileSync(join(dir, 'first.ts'), 'export function fail() {\n  throw new Error("no");\n}\n');
    writeFileSync(join(dir, 'second.ts'), 'import { fail } from "./first.ts";\n\nfail();\n');
    const bundle = join(dir, 'out.cjs');
    buildSync({
      absWorkingDir: dir,
      bundle: true,
      entryPoints: ['second.ts'],
      format: 'cjs',
      minify: true,
      outfile: bundle,
      sourcemap: 'external',
    });
    const stack = stackOf(bundle);
    expect(readableStack(stack).split('\n').slice(0, 3)).toEqual([
      'Error: no',
      '    at first.ts:2:9',
      '    at second.ts:3:1',
    ]);
  });

  test('leaves frames alone of which there is no map, or a damaged one', () => {
    const file = join(dir, 'bare.cjs');
    const stack = `Error: no\n    at a (${file}:1:20)\n    at node:internal/main:1:2`;
    expect(readableStack(stack)).toBe(stack);
    writeFileSync(`${file}.map`, '{"version":3');
    expect(readableStack(stack)).toBe(stack);
  });
});

function stackOf(bundle: string): string {
  try {
    process.getBuiltinModule('node:module').createRequire(bundle)(bundle);
  } catch (error) {
    if (error instanceof Error) return error.stack ?? '';
  }
  throw new TypeError('The bundle did not throw');
}
