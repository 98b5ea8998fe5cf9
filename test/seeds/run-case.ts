import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StageMeasure, WrittenImage } from '../../src/events/event.ts';
import type { CommandResult, Rig } from '../support/cli.ts';
import { PROGRAM } from '../support/program.ts';
import { freePort } from '../support/free-port.ts';
import { checkLeftBehind } from './left-behind.ts';
import type { ProgramCheck, SeedCase, ServiceCheck } from './seed-case.ts';

/** What became of a case. */
export interface CaseOutcome {
  /** Empty when all is as it should be. */
  readonly complaints: readonly string[];
  /** How the build ended, in a word or two. */
  readonly built: string;
  /** How the image was run. */
  readonly ran: string;
  /** Of the image, uncompressed; undefined without one. */
  readonly bytes: number | undefined;
  /** The numbers of the stages that were built. */
  readonly stages: readonly number[];
}

/** What cases are run with. */
export interface SeedRig {
  readonly rig: Rig;
  /** Words of each build, for example for certificates. */
  readonly flags: readonly string[];
  /** Stands for FILES in Dockerfiles: the URL of a server with the files of the texts. */
  readonly filesUrl: string;
}

/** Ports of containers can be published by root only. */
export const CAN_PUBLISH = process.getuid?.() === 0;
/** For the summary, where {@link CAN_PUBLISH} is false. */
export const WHY_NOT = 'run -p needs root';

const EXAMPLES = join(import.meta.dirname, '../../examples');
/** Of what a failed build printed; the error is at the end. */
const SHOWN_CHARACTERS = 3000;
/** For a service to answer, on a busy machine. */
const ANSWER_LIMIT_MS = 90_000;
const REQUEST_LIMIT_MS = 20_000;
const POLL_MS = 50;

/** Makes the context of a case and gives its path. */
export function writeSeedContext({ rig, filesUrl }: SeedRig, seed: SeedCase): string {
  const context = rig.context({});
  for (const name of seed.examples ?? [])
    cpSync(join(EXAMPLES, name), context, { recursive: true });
  const files = { ...seed.files, Dockerfile: seed.dockerfile.replaceAll('FILES', filesUrl) };
  for (const [name, text] of Object.entries(files)) {
    const path = join(context, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return context;
}

/** Builds a case, looks at the files of the image, and runs it. */
export async function runCase(seeds: SeedRig, seed: SeedCase, tag: string): Promise<CaseOutcome> {
  const context = writeSeedContext(seeds, seed);
  const words = [...seeds.flags, ...(seed.flags ?? [])];
  const build = await seeds.rig.run(['build', '--progress=json', '-t', tag, ...words, context]);
  if (seed.fails !== undefined) return judgeFailure(build, seed.fails);
  if (build.status !== 0) {
    const { status, killedBy } = build;
    const ended = `ended with ${String(status ?? killedBy)}:\n${readable(build.stderr)}`;
    return { complaints: [ended], built: 'no', ran: '-', bytes: undefined, stages: [] };
  }
  const { bytes, stages } = measuresIn(build.stderr);
  const complaints = [
    ...(bytes === undefined ? ['the build wrote no image'] : []),
    ...(await wrongFiles(seeds, seed, [...words, context])),
    ...(await checkLeftBehind(seeds, seed, { context, stages })),
  ];
  const { ran, wrong } = await runImage(seeds.rig, seed, tag);
  return { complaints: [...complaints, ...wrong], built: 'yes', ran, bytes, stages };
}

function judgeFailure(build: CommandResult, wanted: string): CaseOutcome {
  // As people see it: the words of the error, and not those of the instruction that the log repeats.
  const isRight = build.status !== 0 && readable(build.stderr).includes(wanted);
  return {
    complaints: isRight ? [] : [`"${wanted}" is not in:\n${readable(build.stderr)}`],
    built: 'refused',
    ran: '-',
    bytes: undefined,
    stages: [],
  };
}

/** The texts of `--progress=json`: what steps printed, and errors. */
function readable(stderr: string): string {
  const lines = stderr.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [line];
    const { text } = JSON.parse(line) as { readonly text?: string };
    return text === undefined ? [] : [text.trimEnd()];
  });
  return lines.join('\n').slice(-SHOWN_CHARACTERS);
}

/** What the events of a build say of its image and stages. */
function measuresIn(stderr: string): Pick<CaseOutcome, 'bytes' | 'stages'> {
  const events = stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map(
      (line) =>
        JSON.parse(line) as {
          readonly image?: WrittenImage;
          readonly stages?: readonly StageMeasure[];
        },
    );
  return {
    bytes: events.find(({ image }) => image !== undefined)?.image?.bytes,
    stages: events.flatMap(({ stages = [] }) => stages).map(({ index }) => index),
  };
}

async function wrongFiles(
  { rig }: SeedRig,
  { has = [], lacks = [], without = [] }: SeedCase,
  words: readonly string[],
): Promise<string[]> {
  const script = '"$0" build --progress=none -o - "$@" | tar -tf -';
  const result = await rig.run(['-c', script, PROGRAM, ...words], { program: 'sh' });
  const paths = result.stdout.split('\n').map((path) => path.replace(/^\.\//, ''));
  if (result.status !== 0 || paths.length < 2) return [`No list of files:\n${result.stderr}`];
  const known = new Set(paths);
  return [
    ...has.filter((path) => !known.has(path)).map((path) => `the image has no ${path}`),
    ...[...lacks, ...without].flatMap((path) =>
      paths
        .filter((found) => found === path || found.startsWith(`${path}/`))
        .slice(0, 1)
        .map((found) => `the image has ${found}`),
    ),
  ];
}

async function runImage(
  rig: Rig,
  { service, program }: SeedCase,
  tag: string,
): Promise<{ readonly ran: string; readonly wrong: readonly string[] }> {
  if (service !== undefined && !CAN_PUBLISH) return { ran: `no: ${WHY_NOT}`, wrong: [] };
  if (service !== undefined) return await runService(rig, tag, service);
  if (program !== undefined) return await runProgram(rig, tag, program);
  return { ran: 'not a program', wrong: [] };
}

async function runProgram(
  rig: Rig,
  tag: string,
  { command = [], prints }: ProgramCheck,
): Promise<{ readonly ran: string; readonly wrong: readonly string[] }> {
  const { status, stdout, stderr } = await rig.run(['run', '--rm', tag, ...command]);
  const printed = stdout + stderr;
  const isRight = status === 0 && printed.includes(prints);
  return {
    ran: isRight ? `prints "${prints}"` : 'no',
    wrong: isRight ? [] : [`status ${String(status)}, printed: ${printed.slice(-500)}`],
  };
}

async function runService(
  rig: Rig,
  tag: string,
  { port, path = '/', answers, command = [] }: ServiceCheck,
): Promise<{ readonly ran: string; readonly wrong: readonly string[] }> {
  const hostPort = String(await freePort());
  const publish = `127.0.0.1:${hostPort}:${String(port)}`;
  const started = await rig.run(['run', '-d', '-p', publish, tag, ...command]);
  const id = started.stdout.trim();
  if (started.status !== 0) return { ran: 'no', wrong: [`run: ${started.stderr}`] };
  try {
    const answer = await askUntilAnswered(`http://127.0.0.1:${hostPort}${path}`, () =>
      isRunning(rig, id),
    );
    if (answer?.includes(answers) === true) return { ran: `GET ${path}`, wrong: [] };
    const logs = await rig.run(['logs', id]);
    const said = answer ?? `no answer; logs: ${(logs.stdout + logs.stderr).slice(-1000)}`;
    return { ran: 'no', wrong: [`GET ${path}: ${said}`] };
  } finally {
    await rig.run(['rm', '-f', id]);
  }
}

async function isRunning(rig: Rig, id: string): Promise<boolean> {
  return (await rig.run(['ps', '-q', '--no-trunc'])).stdout.includes(id);
}

/** The answer at `url`, asked again until somebody listens; undefined when nobody ever will. */
export async function askUntilAnswered(
  url: string,
  isAlive: () => Promise<boolean>,
): Promise<string | undefined> {
  const deadline = performance.now() + ANSWER_LIMIT_MS;
  let isOver = false;
  while (performance.now() < deadline) {
    const answer = await ask(url);
    if (answer !== undefined || isOver) return answer;
    // Once more after the end: it may have answered between the request and the look.
    isOver = !(await isAlive());
    await delay(POLL_MS);
  }
  return undefined;
}

/** The body at `url`, whatever the status; undefined when nobody listens or the connection breaks. */
function ask(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    // One connection for each request: the one before may have met nobody.
    const request = get(url, { agent: false, timeout: REQUEST_LIMIT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () => resolve(text));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}
