import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parsePlatform, type Platform } from '../core/platform.ts';
import { parseNamedContext } from '../stages/named-context.ts';
import type { PlanRequest } from '../stages/plan-request.ts';
import {
  dockerfile,
  planRequest,
  planWithBases,
  type BaseImageTable,
} from '../testing/base-images.ts';
import { lowerStages } from './lower-stages.ts';
import { printGraph } from './print-graph.ts';

/*
 * Every folder of test/golden/ops is one case: a Dockerfile, perhaps options.json (target, build
 * arguments, platforms, base images, …), and the graph that it is lowered to. After a wanted change:
 *
 *     UPDATE_GOLDEN=1 npx vitest run --project unit src/ops/golden.test.ts
 *
 * and read the diff.
 */
const CASES = join(import.meta.dirname, '../../test/golden/ops');
const NOW = '2026-01-02T03:04:05.678Z';

describe('lowerStages() gives the written-down graph for', () => {
  test.each(readdirSync(CASES).sort())('%s', (name) => {
    const folder = join(CASES, name);
    const options = readOptions(folder);
    const ast = dockerfile(readFileSync(join(folder, 'Dockerfile'), 'utf8'));
    const { plan, images } = planWithBases(ast, requestOf(options), options.bases);
    const warnings = plan.diagnostics.map(({ code, message }) => `warning ${code}: ${message}\n`);
    const printed =
      printGraph(lowerStages(plan, images, { now: NOW })) +
      (warnings.length === 0 ? '' : `\n${warnings.join('')}`);

    const expected = join(folder, 'expected.txt');
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(expected, printed);
    expect(printed).toBe(readFileSync(expected, 'utf8'));
  });
});

/** The form of options.json. */
interface GoldenOptions {
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly platforms?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly contexts?: Readonly<Record<string, string>>;
  readonly noCache?: boolean | readonly string[];
  readonly sourceDateEpoch?: number;
  readonly bases?: BaseImageTable;
}

function readOptions(folder: string): GoldenOptions {
  const path = join(folder, 'options.json');
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as GoldenOptions) : {};
}

function requestOf(options: GoldenOptions): PlanRequest {
  const contexts = Object.entries(options.contexts ?? {});
  return planRequest({
    target: options.target,
    buildArgs: new Map(Object.entries(options.buildArgs ?? {})),
    labels: new Map(Object.entries(options.labels ?? {})),
    namedContexts: new Map(contexts.map(([key, value]) => [key, parseNamedContext(key, value)])),
    noCache: options.noCache,
    sourceDateEpoch: options.sourceDateEpoch,
    ...(options.platforms === undefined
      ? {}
      : { targetPlatforms: options.platforms.map(platform) }),
  });
}

function platform(text: string): Platform {
  const parsed = parsePlatform(text, { os: 'linux', architecture: 'amd64' });
  if (parsed === undefined) throw new Error(`"${text}" is no platform`);
  return parsed;
}
