import { formatBytes, formatSeconds, renderTable } from '../../src/cli/format.ts';
import { BASE_IMAGES } from '../bases/base-images.ts';
import { openRig } from '../support/cli.ts';
import { startFileServer } from '../support/file-server.ts';
import { startBaseRegistry } from '../support/registry-server.ts';
import { SEED_CASES } from './cases/all.ts';
import { SEED_COMMANDS } from './command-scenarios.ts';
import { coverageOf } from './coverage.ts';
import { readDocuments } from './documents.ts';
import { runCase, type SeedRig } from './run-case.ts';
import { exampleDockerfiles, exampleNames, runExample } from './run-examples.ts';
import { runScenario } from './run-commands.ts';
import { runTools, TOOL_DOCKERFILES } from './run-tools.ts';
import { SEED_DOCUMENTS, type SeedCase } from './seed-case.ts';

/**
 * Builds and runs every Dockerfile of the texts that users learn from, every command line of them, and
 * the commands in the READMEs of examples/, and package tools in the steps of each kind of user.
 *
 *   node --import tsx test/seeds/run.ts [--quick] [part of a text's, section's or case's name]
 *
 * Exit status 1 when one fails, or when the texts are there and have something that no case has.
 */

/**
 * So that steps reach package registries as this machine does, also where a company's proxy signs all
 * connections anew: the stand-ins trust only what real images trust.
 */
const STEP_FLAGS = ['--ca-cert', 'host'];

/** What the check of files that are left behind is based on. */
const CHECK_BASE = 'FROM busybox';
/** Whose pages `npm test` runs. */
const QUICK_EXAMPLES: readonly string[] = ['external-image', 'go-service'];

const words = process.argv.slice(2);
const isQuickOnly = words.includes('--quick');
const filter = words.find((word) => !word.startsWith('--')) ?? '';

/** Asked to end, it ends after what runs now, and takes its registry and store along; asked twice, at once. */
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    interruption.abort(new Error(`Interrupted by ${name}`));
  });
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** One line of the summary. */
interface Row {
  readonly cells: readonly string[];
  readonly notes: readonly string[];
  readonly isGood: boolean;
}

function isChosen(name: string, isQuick: boolean | undefined): boolean {
  return name.includes(filter) && (!isQuickOnly || isQuick === true);
}

/** The stand-ins that these Dockerfiles name. */
function basesOf(dockerfiles: readonly string[]): readonly string[] {
  const named = new Set(
    dockerfiles.flatMap((dockerfile) =>
      [...dockerfile.matchAll(/(?:^FROM(?: --platform=\S+)? |--from=)(\S+)/gm)].map(
        ([, name = '']) => (name.includes(':') ? name : `${name}:latest`),
      ),
    ),
  );
  return BASE_IMAGES.flatMap(({ names }) => names).filter((name) => named.has(name));
}

function complain(name: string, complaints: readonly string[]): void {
  print(`FAILED ${name}`);
  for (const complaint of complaints) print(complaint.replaceAll(/^/gm, '    '));
}

/** `stages` gets what the cases built. */
async function runCases(seeds: SeedRig, stages: Map<SeedCase, readonly number[]>): Promise<Row[]> {
  const rows: Row[] = [];
  for (const document of SEED_DOCUMENTS) {
    for (const [index, seed] of SEED_CASES[document].entries()) {
      const name = `${document}: ${seed.section}: ${seed.title}`;
      if (!isChosen(name, seed.isQuick)) continue;
      interruption.signal.throwIfAborted();
      const startedAt = performance.now();
      const outcome = await runCase(seeds, seed, `${document}-${String(index)}`);
      const seconds = formatSeconds(performance.now() - startedAt);
      const isGood = outcome.complaints.length === 0;
      if (isGood) print(`${name} (${seconds})`);
      else complain(name, outcome.complaints);
      stages.set(seed, outcome.stages);
      const { built, ran, bytes } = outcome;
      const size = bytes === undefined ? '-' : formatBytes(bytes);
      const cells = [document, seed.section, seed.title, built, ran, size, seconds];
      const replaced = (seed.replaced ?? []).map(({ text, by }) => `"${by}" stands for "${text}"`);
      rows.push({ cells, notes: [...(seed.notes ?? []), ...replaced], isGood });
    }
  }
  return rows;
}

async function runCommands(seeds: SeedRig): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scenario of SEED_COMMANDS) {
    const name = `${scenario.document}: ${scenario.section}: commands`;
    if (!isChosen(name, scenario.isQuick)) continue;
    interruption.signal.throwIfAborted();
    for (const { text, complaint } of await runScenario(seeds, scenario)) {
      if (complaint === undefined) print(`${scenario.document}: ${text}`);
      else complain(`${scenario.document}: ${text}`, [complaint]);
      rows.push({
        cells: [scenario.document, scenario.section, text, complaint === undefined ? 'yes' : 'no'],
        notes: [],
        isGood: complaint === undefined,
      });
    }
  }
  return rows;
}

async function runExamples(seeds: SeedRig, names: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const example of names) {
    interruption.signal.throwIfAborted();
    const startedAt = performance.now();
    const { commands, complaints, whyNotRun } = await runExample(seeds.rig, example);
    const seconds = formatSeconds(performance.now() - startedAt);
    const name = `examples: ${example}`;
    const isGood = complaints.length === 0;
    if (isGood) print(`${name} (${seconds})`);
    else complain(name, complaints);
    rows.push({
      cells: [example, String(commands), whyNotRun ?? (isGood ? 'yes' : 'no'), seconds],
      notes: [],
      isGood,
    });
  }
  return rows;
}

/** Not for `--quick`; and without root, whoever runs it has built everything else as one kind of user. */
async function runToolCases(mirror: string): Promise<Row[]> {
  const rows: Row[] = [];
  if (process.getuid?.() !== 0) return rows;
  const outcomes = runTools(mirror, STEP_FLAGS, (name) => isChosen(name, false));
  for await (const { name, works, complaint, seconds } of outcomes) {
    const time = formatSeconds(seconds * 1000);
    const isGood = complaint === undefined;
    if (isGood) print(`${name} (${time})`);
    else complain(name, [complaint]);
    rows.push({ cells: [name, isGood ? works : 'FAILED', time], notes: [], isGood });
  }
  return rows;
}

/** Rows with their notes; marks are the numbers of the notes. */
function printRows(head: readonly string[], rows: readonly Row[]): void {
  const notes = [...new Set(rows.flatMap((row) => row.notes))];
  const marks = (row: Row): string =>
    row.notes.map((note) => String(notes.indexOf(note) + 1)).join(' ');
  print(renderTable([[...head, 'NOTES'], ...rows.map((row) => [...row.cells, marks(row)])]));
  for (const [index, note] of notes.entries()) print(`${String(index + 1)}: ${note}`);
}

/** Compares the texts with all cases, or with what the cases built where all of a text were run. */
function printCoverage(stages?: ReadonlyMap<SeedCase, readonly number[]>): boolean {
  const documents = readDocuments();
  if (documents === undefined) {
    print(
      'The texts are not here, so whether every Dockerfile of them has a case was not checked.',
    );
    return true;
  }
  let isGood = true;
  for (const [document, sections] of documents) {
    if (stages !== undefined && !SEED_CASES[document].every((seed) => stages.has(seed))) continue;
    const { instructions, commands, missing } = coverageOf(document, sections, (seed) =>
      stages?.get(seed),
    );
    const counts = `${String(instructions)} instructions and ${String(commands)} command lines`;
    const lack = stages === undefined ? 'without a case' : 'not built';
    print(`${document}: ${counts}, ${String(missing.length)} ${lack}`);
    if (missing.length > 0) complain(document, missing);
    isGood &&= missing.length === 0;
  }
  return isGood;
}

async function main(): Promise<number> {
  let isCovered = printCoverage();
  const cases = SEED_DOCUMENTS.flatMap((document) =>
    SEED_CASES[document].filter((seed) =>
      isChosen(`${document}: ${seed.section}: ${seed.title}`, seed.isQuick),
    ),
  );
  const scenarios = SEED_COMMANDS.filter(({ document, section, isQuick }) =>
    isChosen(`${document}: ${section}: commands`, isQuick),
  );
  const needed = scenarios.flatMap((scenario) =>
    SEED_CASES[scenario.document].filter(({ section }) => section === scenario.case.section),
  );
  const examples = exampleNames().filter((name) =>
    isChosen(`examples: ${name}`, QUICK_EXAMPLES.includes(name)),
  );
  const dockerfiles = [
    ...[...cases, ...needed].map(({ dockerfile }) => dockerfile),
    ...examples.flatMap(exampleDockerfiles),
    ...(isQuickOnly ? [] : TOOL_DOCKERFILES),
    CHECK_BASE,
  ];
  await using registry = await startBaseRegistry(basesOf(dockerfiles));
  await using server = await startFileServer(
    { '/config.json': '{"ready":true}\n', '/data.csv': 'a,b\n1,2\n' },
    { isRendezvous: true },
  );
  await using rig = openRig({ mirror: registry.url });
  const seeds: SeedRig = { rig, flags: STEP_FLAGS, filesUrl: server.url };
  const stages = new Map<SeedCase, readonly number[]>();
  const rows = await runCases(seeds, stages);
  const commands = await runCommands(seeds);
  const pages = await runExamples(seeds, examples);
  const tools = await runToolCases(registry.url);
  print('');
  printRows(['TEXT', 'SECTION', 'CASE', 'BUILT', 'RAN', 'SIZE', 'TIME'], rows);
  print('');
  if (commands.length > 0) printRows(['TEXT', 'SECTION', 'COMMAND', 'WORKS'], commands);
  print('');
  if (pages.length > 0) printRows(['EXAMPLE', 'COMMANDS', 'AS ITS README SAYS', 'TIME'], pages);
  print('');
  if (tools.length > 0) printRows(['TOOL', 'WORKS', 'TIME'], tools);
  print('');
  isCovered = printCoverage(stages) && isCovered;
  const all = [...rows, ...commands, ...pages, ...tools];
  const failed = all.filter(({ isGood }) => !isGood).length;
  print(`\n${String(all.length - failed)} good, ${String(failed)} failed`);
  return failed === 0 && isCovered && all.length > 0 ? 0 : 1;
}

process.exitCode = await main();
