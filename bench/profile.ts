import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { recipeFor } from '../test/bases/base-images.ts';
import { ensureBase } from '../test/bases/make-base.ts';
import { pushLayout } from '../test/support/push-layout.ts';
import { startRegistry } from '../test/support/registry-server.ts';
import { shareByPlace, foldedStacks, type CpuProfile } from './profile-summary.ts';
import { workloads } from './workloads.ts';

/*
 * Shows where one workload spends the time of Stagecraft's main thread, by folder of src/:
 *
 *   npm run bench:profile -- W1a [--runs 20] [--folded FILE]
 *
 * Builds the program with its names and lines kept, runs the workload as `npm run bench` does, with Node's
 * own profiler, and adds the runs up. FILE gets folded stacks, which flamegraph.pl and speedscope.app
 * draw as a flame graph. Needs what `npm run bench` needs.
 */

const CHECKOUT = join(import.meta.dirname, '..');
/** Below the packages that the program loads; nothing else looks there. */
const PROGRAM_DIR = join(CHECKOUT, 'node_modules/.cache/stagecraft-profile');
const INTERVAL_US = 100;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: 'string', default: '20' }, folded: { type: 'string' } },
});

await main(positionals[0] ?? 'W1a', Number(values.runs));

async function main(id: string, runs: number): Promise<void> {
  const workload = workloads().find((each) => each.id === id && each.command === 'build');
  if (workload === undefined) throw new Error(`No workload "${id}" that builds`);
  const dir = mkdtempSync(join(tmpdir(), 'stagecraft-profile-'));
  try {
    await using server = await startRegistry({ storage: join(dir, 'registry') });
    const layout = await ensureBase(recipeFor('busybox:latest'), say);
    await pushLayout(layout, server.url, 'bench/base', 'latest');
    const context = join(dir, 'context');
    mkdirSync(context);
    workload.prepare(context, `${server.host}/bench/base:latest`);
    const program = buildReadable(PROGRAM_DIR);
    const profiles: CpuProfile[] = [];
    // The first fills the store, the second is the first to find the compiled program and the third to be replayed.
    for (let run = -4; run < runs; run++) {
      workload.touch?.(context, run);
      const profile = profileOnce(program, context, dir, workload.noCache === true);
      if (run >= 0) profiles.push(profile);
    }
    const bundles = ['cli.cjs', 'replay.cjs'];
    const places = new Map(bundles.map((name) => [name, placesOf(join(PROGRAM_DIR, name))]));
    say(`${workload.id} ${workload.title}: main thread, mean of ${String(runs)} runs\n`);
    for (const { place, ms } of shareByPlace(profiles, places)) {
      say(`${ms.toFixed(1).padStart(8)} ms  ${place}`);
    }
    if (values.folded !== undefined) writeFileSync(values.folded, foldedStacks(profiles, places));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The same program as the published one, with a line a statement and the names of its files. */
function buildReadable(out: string): string {
  runOrThrow(process.execPath, [
    'scripts/build.mjs',
    '--out',
    out,
    '--only',
    'main,cli',
    '--readable',
  ]);
  return join(out, 'main.cjs');
}

function profileOnce(
  program: string,
  context: string,
  dir: string,
  ignoresCache: boolean,
): CpuProfile {
  const profileDir = join(dir, 'profile');
  rmSync(profileDir, { recursive: true, force: true });
  const flags = ['--cpu-prof', '--cpu-prof-interval', String(INTERVAL_US)];
  const words = ['build', '--network=host', ...(ignoresCache ? ['--no-cache'] : [])];
  runOrThrow(
    process.execPath,
    [...flags, '--cpu-prof-dir', profileDir, program, ...words, '-t', 'profiled', context],
    {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      XDG_CACHE_HOME: join(dir, 'cache'),
      STAGECRAFT_ROOT: join(dir, 'store'),
    },
  );
  const [file = ''] = readdirSync(profileDir);
  return JSON.parse(readFileSync(join(profileDir, file), 'utf8')) as CpuProfile;
}

/** The source file of each line of the bundle, from the comments that esbuild puts before each. */
function placesOf(bundle: string): readonly string[] {
  let place = 'src/cli/';
  return readFileSync(bundle, 'latin1')
    .split('\n')
    .map((line) => (place = /^ *\/\/ (src\/\S+\.ts)$/.exec(line)?.[1] ?? place));
}

function runOrThrow(program: string, args: readonly string[], env?: NodeJS.ProcessEnv): void {
  const { status, stderr } = spawnSync(program, args, {
    cwd: CHECKOUT,
    encoding: 'utf8',
    ...(env && { env }),
  });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${String(status)}:\n${stderr}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
