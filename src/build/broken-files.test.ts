import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import { renderError } from '../diagnostics/render.ts';
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import { lowerStages } from '../ops/lower-stages.ts';
import { planRequest, planWithBases } from '../testing/base-images.ts';
import { throwDiagnostics } from './throw-diagnostics.ts';

/*
 * Every folder of test/golden/broken has a Dockerfile that cannot be built, and all that is printed of
 * it. After a wanted change:
 *
 *     UPDATE_GOLDEN=1 npx vitest run --project unit src/build/broken-files.test.ts
 *
 * and read the diff: is each message true, and would it help?
 */
const CASES = join(import.meta.dirname, '../../test/golden/broken');

describe('a broken Dockerfile is answered with the written-down errors', () => {
  test.each(readdirSync(CASES).sort())('%s', (name) => {
    const folder = join(CASES, name);
    const errors = errorsOf(readFileSync(join(folder, 'Dockerfile'), 'utf8'));
    const printed = errors.map((error) => `${renderError(error)}\n`).join('\n');
    const expected = join(folder, 'expected.txt');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(expected, printed);
    expect(errors.every(({ span }) => span !== undefined)).toBe(true);
    expect(printed).toBe(existsSync(expected) ? readFileSync(expected, 'utf8') : undefined);
  });
});

/** Everything that is wrong with a file, as far as the text and its plan show it. */
function errorsOf(text: string): readonly BuildError[] {
  try {
    const { ast, diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
    throwDiagnostics(diagnostics, () => undefined);
    const { plan, images } = planWithBases(ast, planRequest({}));
    lowerStages(plan, images, { now: '2026-01-02T03:04:05.678Z' });
  } catch (error) {
    const errors: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
    return errors.map((each) => {
      if (each instanceof BuildError) return each;
      throw each;
    });
  }
  throw new Error('There is nothing wrong with this file');
}
