import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { CommandResult, Rig } from '../support/cli.ts';
import { PROGRAM } from '../support/program.ts';
import { freePort } from '../support/free-port.ts';
import { CAN_PUBLISH, WHY_NOT } from './run-case.ts';
import { isAsShown, readmeCommands, type ReadmeCommand } from './readme.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples');
/** For a service to listen, on a busy machine. */
const ANSWER_LIMIT_MS = 90_000;
const POLL_MS = 100;
const SHOWN_CHARACTERS = 3000;
/** `-p 8080:80` of `run`, and the URLs that go with it. */
const PUBLISHED = /-p (\d+):/g;

/** What became of the page of an example. */
export interface ExampleOutcome {
  /** How many commands were run. */
  readonly commands: number;
  readonly complaints: readonly string[];
  /** Why no command was run. */
  readonly whyNotRun?: string;
}

/** The names of all examples. */
export function exampleNames(): readonly string[] {
  return readdirSync(EXAMPLES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

/** The texts of all Dockerfiles of an example. */
export function exampleDockerfiles(name: string): readonly string[] {
  return readdirSync(join(EXAMPLES, name))
    .filter((file) => file.startsWith('Dockerfile'))
    .map((file) => readFileSync(join(EXAMPLES, name, file), 'utf8'));
}

/**
 * Runs the commands of an example's README.md in a copy of it, until one does not do what the page says.
 * Ports of this machine are replaced by free ones.
 */
export async function runExample(rig: Rig, name: string): Promise<ExampleOutcome> {
  const copy = rig.context({});
  cpSync(join(EXAMPLES, name), copy, { recursive: true });
  const commands = readmeCommands(readFileSync(join(copy, 'README.md'), 'utf8'));
  if (commands.length === 0) return { commands: 0, complaints: ['README.md has no commands'] };
  if (!CAN_PUBLISH && commands.some(({ run }) => run.match(PUBLISHED) !== null)) {
    return { commands: 0, complaints: [], whyNotRun: WHY_NOT };
  }
  const ports = await freePorts(commands);
  let done = 0;
  try {
    for (const { run, shows } of commands) {
      done++;
      const result = await runCommand(rig, withPorts(run, ports), copy);
      const expected = shows.map((line) => withPorts(line, ports));
      // Standard error comes first: builds and runs tell of themselves there.
      const printed = result.stderr + result.stdout;
      if (result.status === 0 && isAsShown(expected, printed)) continue;
      const ended = `${run}: status ${String(result.status)}`;
      return {
        commands: done,
        complaints: [`${ended}, printed:\n${printed.slice(-SHOWN_CHARACTERS)}`],
      };
    }
    const left = (await rig.run(['ps', '-aq'])).stdout;
    return {
      commands: done,
      complaints: left === '' ? [] : [`README.md leaves containers: ${left}`],
    };
  } finally {
    const { stdout } = await rig.run(['ps', '-aq']);
    for (const id of stdout.split('\n').filter((line) => line !== ''))
      await rig.run(['rm', '-f', id]);
  }
}

/** Ports of the page → free ports. */
async function freePorts(commands: readonly ReadmeCommand[]): Promise<ReadonlyMap<string, string>> {
  const named = commands.flatMap(({ run }) =>
    [...run.matchAll(PUBLISHED)].map(([, port = '']) => port),
  );
  const ports = new Map<string, string>();
  for (const port of new Set(named)) ports.set(port, String(await freePort()));
  return ports;
}

function withPorts(text: string, ports: ReadonlyMap<string, string>): string {
  return text
    .replaceAll(PUBLISHED, (_, port: string) => `-p 127.0.0.1:${ports.get(port) ?? port}:`)
    .replaceAll(/\blocalhost:(\d+)/g, (_, port: string) => `127.0.0.1:${ports.get(port) ?? port}`);
}

/** A request is made again until somebody answers: a person would, too. */
async function runCommand(rig: Rig, run: string, cwd: string): Promise<CommandResult> {
  const options = { program: 'sh', cwd, env: userEnvironment(rig) };
  const deadline = performance.now() + ANSWER_LIMIT_MS;
  for (;;) {
    const result = await rig.run(['-c', run], options);
    const isOver = result.status === 0 || performance.now() > deadline;
    if (isOver || !run.startsWith('curl ')) return result;
    await delay(POLL_MS);
  }
}

/** As if the program was installed, and the machine's authorities were in its configuration. */
function userEnvironment(rig: Rig): Readonly<Record<string, string>> {
  const bin = join(rig.dir, 'bin');
  const config = join(rig.dir, 'config-examples.json');
  if (mkdirSync(bin, { recursive: true }) !== undefined) {
    symlinkSync(PROGRAM, join(bin, 'stagecraft'));
    const own = JSON.parse(readFileSync(rig.env['STAGECRAFT_CONFIG'] ?? '', 'utf8')) as object;
    writeFileSync(config, JSON.stringify({ ...own, 'ca-certs': ['host'] }));
  }
  return { PATH: `${bin}:${rig.env['PATH'] ?? ''}`, STAGECRAFT_CONFIG: config };
}
