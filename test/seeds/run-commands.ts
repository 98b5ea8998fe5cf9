import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROGRAM } from '../support/program.ts';
import { freePort } from '../support/free-port.ts';
import { SEED_CASES } from './cases/all.ts';
import type { CommandScenario, CommandStep } from './command-scenarios.ts';
import {
  askUntilAnswered,
  CAN_PUBLISH,
  WHY_NOT,
  writeSeedContext,
  type SeedRig,
} from './run-case.ts';
import type { SeedCase } from './seed-case.ts';

/** The port of the texts, which may be in use here. */
const TEXT_PORT = '3000';
const NEEDS_PORT = /\bdocker run .*-p |^curl /;
const SHOWN_CHARACTERS = 2000;

/** What became of one command line. */
export interface StepOutcome {
  readonly text: string;
  /** Undefined when all is as it should be. */
  readonly complaint: string | undefined;
}

/** Runs the command lines of a scenario one after the other, each whatever the ones before did. */
export async function runScenario(
  seeds: SeedRig,
  scenario: CommandScenario,
): Promise<readonly StepOutcome[]> {
  const { document, dockerfiles = {} } = scenario;
  const context = writeSeedContext(seeds, caseOf(scenario, scenario.case));
  for (const [name, title] of Object.entries(dockerfiles)) {
    const { dockerfile } = caseOf(scenario, { section: scenario.case.section, title });
    writeFileSync(join(context, name), dockerfile);
  }
  const port = String(await freePort());
  const containers: string[] = [];
  const outcomes: StepOutcome[] = [];
  try {
    for (const step of scenario.steps) {
      if (!CAN_PUBLISH && NEEDS_PORT.test(step.text)) {
        outcomes.push({ text: `${step.text} (not run: ${WHY_NOT})`, complaint: undefined });
        continue;
      }
      const said = await runStep(seeds, step, { context, port });
      if (step.text.startsWith('docker run -d')) containers.push(said.output.trim());
      const isRight = said.isGood && said.output.includes(step.shows ?? '');
      const complaint = isRight ? undefined : said.output.slice(-SHOWN_CHARACTERS);
      outcomes.push({ text: step.text, complaint });
    }
  } finally {
    for (const id of containers) await seeds.rig.run(['rm', '-f', id]);
    for (const name of await containersOf(seeds)) await seeds.rig.run(['rm', '-f', name]);
  }
  if (outcomes.length === 0) throw new Error(`No command lines of ${document}`);
  return outcomes;
}

function caseOf(
  { document }: CommandScenario,
  wanted: { readonly section: string; readonly title: string },
): SeedCase {
  const found = SEED_CASES[document].find(
    ({ section, title }) => section === wanted.section && title === wanted.title,
  );
  if (found === undefined) throw new Error(`${document} has no case "${wanted.title}"`);
  return found;
}

async function containersOf({ rig }: SeedRig): Promise<readonly string[]> {
  const { stdout } = await rig.run(['ps', '-aq']);
  return stdout.split('\n').filter((id) => id !== '');
}

async function runStep(
  seeds: SeedRig,
  { text, run = text, typed }: CommandStep,
  { context, port }: { readonly context: string; readonly port: string },
): Promise<{ readonly isGood: boolean; readonly output: string }> {
  if (run.startsWith('curl ')) {
    const url = run.replace('curl ', '').replace('localhost', '127.0.0.1');
    const answer = await askUntilAnswered(url.replace(TEXT_PORT, port), async () => {
      return (await containersOf(seeds)).length > 0;
    });
    return { isGood: answer !== undefined, output: answer ?? 'no answer' };
  }
  const words = run
    .replace(/\bdocker (buildx build|build)\b/, `docker $1 ${seeds.flags.join(' ')}`)
    .replace('docker ', `"${PROGRAM}" `)
    .replace(`-p ${TEXT_PORT}:`, `-p 127.0.0.1:${port}:`);
  const result =
    typed === undefined
      ? await seeds.rig.run(['-c', words], { program: 'sh', cwd: context })
      : await seeds.rig.run(['-qec', words, '/dev/null'], {
          program: 'script',
          cwd: context,
          input: typed,
        });
  const output = text.startsWith('docker run -d') ? result.stdout : result.stdout + result.stderr;
  return { isGood: result.status === 0, output: output === '' ? result.stderr : output };
}
