import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { assertImagesValid } from './image-documents.ts';
import { mountsBelow, processesUsing } from './leftovers.ts';
import { PROGRAM } from './program.ts';
import { afterCommand, beforeCommand, collectStores, storeOf } from './read-back/collect.ts';
import { testCommands } from './test-commands.ts';

/** How long processes may take to end after they were told to, before a test calls them left over. */
const GRACE_MS = 2000;
const POLL_MS = 20;

/** What a command did. */
export interface CommandResult {
  /** Undefined after a signal. */
  readonly status: number | undefined;
  readonly killedBy: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is started. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  /** On top of the rig's. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Another program instead of the one under test, for example one that starts it. */
  readonly program?: string;
}

/** A command that runs. */
export interface RunningCommand {
  readonly pid: number;
  /** When stdout or stderr has this text; rejects when the command ends without it. */
  printed(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<CommandResult>;
}

/** A file of a context: its text, or its text and mode. */
export type ContextFile = string | { readonly text: string; readonly mode: number };

/** A place of its own for the program: store, configuration, home and contexts. */
export interface Rig extends AsyncDisposable {
  /** Directory of everything below. */
  readonly dir: string;
  /** The store. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  start(args: readonly string[], options?: CommandOptions): RunningCommand;
  /** Makes a directory with these files (path → content) and gives its path. */
  context(files: Readonly<Record<string, ContextFile>>): string;
  /** Throws when a process or a mount of this rig is left, after a moment's patience. */
  assertNothingLeft(): Promise<void>;
}

/** Settings of a rig. */
export interface RigOptions {
  /** URL of a registry that stands for docker.io and gcr.io; without it there are none. */
  readonly mirror?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Opens a rig. Disposing of it removes all of it, and throws when processes or mounts are left. */
export function openRig(options: RigOptions = {}): Rig {
  if (!existsSync(PROGRAM)) throw new Error(`Run "npm run build" first: no ${PROGRAM}`);
  const dir = mkdtempSync(join(tmpdir(), 'stagecraft-system-'));
  chmodSync(dir, 0o755);
  const root = join(dir, 'store');
  const env = { ...baseEnvironment(dir, root, options.mirror), ...options.env };
  let contexts = 0;
  const start = (args: readonly string[], command: CommandOptions = {}) => {
    const options = { cwd: dir, ...command, env: { ...env, ...command.env } };
    const store = storeOf(args, options);
    beforeCommand(args, store);
    const running = startProgram(args, options);
    const noted = running.ended.finally(() => afterCommand(args, store));
    // A test that is over may no longer wait for it.
    noted.catch(() => undefined);
    return { ...running, ended: noted };
  };
  return {
    dir,
    root,
    env,
    start,
    run: (args, command) => start(args, command).ended,
    context(files) {
      const path = join(dir, `context-${String(contexts++)}`);
      mkdirSync(path);
      for (const [name, file] of Object.entries(files)) writeContextFile(join(path, name), file);
      return path;
    },
    assertNothingLeft: () => assertNothingLeft(dir),
    async [Symbol.asyncDispose]() {
      try {
        await assertNothingLeft(dir);
        collectStores(() => true);
        assertImagesValid(dir);
      } finally {
        clearAway(dir);
      }
    },
  };
}

function baseEnvironment(
  dir: string,
  root: string,
  mirror: string | undefined,
): Record<string, string> {
  const home = join(dir, 'home');
  mkdirSync(home);
  const config = join(dir, 'config.json');
  const mirrors = { mirrors: [mirror] };
  const registries = mirror === undefined ? {} : { 'docker.io': mirrors, 'gcr.io': mirrors };
  writeFileSync(config, JSON.stringify({ registries }));
  return {
    PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: home,
    NO_COLOR: '1',
    STAGECRAFT_ROOT: root,
    STAGECRAFT_CONFIG: config,
  };
}

function writeContextFile(path: string, file: ContextFile): void {
  const { text, mode } = typeof file === 'string' ? { text: file, mode: 0o644 } : file;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

function startProgram(
  args: readonly string[],
  options: CommandOptions & { readonly env: Readonly<Record<string, string>> },
): RunningCommand {
  const child = spawn(options.program ?? PROGRAM, args, {
    cwd: options.cwd,
    env: options.env,
    signal: options.signal,
    stdio: 'pipe',
  });
  const texts = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      texts[name] += chunk;
      for (const watch of watchers) watch();
    });
  }
  // A program that does not read its input is no error of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const givenUp = new AbortController();
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.on('error', reject);
    givenUp.signal.addEventListener('abort', () => {
      reject(givenUp.signal.reason as Error);
    });
    child.on('close', (status, killedBy) => {
      resolve({ status: status ?? undefined, killedBy: killedBy ?? undefined, ...texts });
    });
  });
  const { pid } = child;
  if (pid !== undefined) {
    testCommands?.add({
      pid,
      words: [child.spawnfile, ...args],
      printed: () => texts.stdout + texts.stderr,
      ended,
      giveUp: (error) => {
        givenUp.abort(error);
      },
    });
  }
  return {
    pid: pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
    printed: (text) =>
      new Promise((resolve, reject) => {
        const watch = () => {
          if (texts.stdout.includes(text) || texts.stderr.includes(text)) resolve();
        };
        watchers.add(watch);
        watch();
        ended.then(
          ({ stderr }) => reject(new Error(`Ended without "${text}":\n${stderr}`)),
          reject,
        );
      }),
  };
}

async function assertNothingLeft(dir: string): Promise<void> {
  const deadline = performance.now() + GRACE_MS;
  for (;;) {
    const processes = processesUsing(dir).map(({ shownBy }) => shownBy);
    const left = [...processes, ...mountsBelow(dir)];
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      endLeft(dir);
      throw new Error(`Left behind:\n${left.join('\n')}`);
    }
    await delay(POLL_MS);
  }
}

/** Also after a failed test: the next one finds a clean machine. */
function clearAway(dir: string): void {
  endLeft(dir);
  rmSync(dir, { recursive: true, force: true });
}

/** Processes and mounts that are found once are not found again, and not taken for those of a later test. */
function endLeft(dir: string): void {
  for (const { pid } of processesUsing(dir)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
  for (const point of mountsBelow(dir)) spawnSync('umount', ['-l', point]);
}
