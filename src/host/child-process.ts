import type { ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { BuildError } from '../diagnostics/build-error.ts';

/**
 * The only place that starts programs of this host (git, runc --version, newuidmap, …). Never a shell, never
 * the caller's environment: both are how strangers' text gets to be run. Steps of a build are started
 * by sandbox/, which cannot do with this.
 */
export interface ProcessRequest {
  /** Absolute, as found by `findProgram`. */
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment; undefined gives `CLEAN_ENV`. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
  /** Written to standard input, which is empty otherwise. */
  readonly input?: Uint8Array | string | undefined;
  /** Bytes of each stream that are kept; the process is killed when it writes more. */
  readonly maxOutputBytes?: number | undefined;
}

export interface ProcessOutput {
  /** Undefined when a signal ended it. */
  readonly status: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** What a program of the host needs and no more. Messages come in English. */
export const CLEAN_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  HOME: '/nonexistent',
};

const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/**
 * Runs a program to its end and keeps what it wrote. A status other than 0 is a result, not an error.
 *
 * @throws the signal's reason when aborted (the process gets SIGKILL first)
 * @throws BuildError PROCESS_NOT_STARTED, PROCESS_OUTPUT_TOO_LARGE
 */
export async function runProcess(
  request: ProcessRequest,
  signal: AbortSignal,
): Promise<ProcessOutput> {
  const maxBytes = request.maxOutputBytes ?? MAX_OUTPUT_BYTES;
  const running = spawnProcess({ ...request, stdio: 'captured' }, signal);
  const kept = { stdout: new Array<Buffer>(), stderr: new Array<Buffer>() };
  const limit = { isExceeded: false };
  for (const name of ['stdout', 'stderr'] as const) {
    let bytes = 0;
    running[name]?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) kept[name].push(chunk);
      else if (!limit.isExceeded) {
        limit.isExceeded = true;
        running.kill('SIGKILL');
      }
    });
  }
  const end = await running.ended;
  if (limit.isExceeded) throw outputTooLarge(request.program, maxBytes);
  return {
    ...end,
    stdout: Buffer.concat(kept.stdout),
    stderr: Buffer.concat(kept.stderr),
  };
}

export interface SpawnRequest extends ProcessRequest {
  /** `inherit` gives the process this process's own stdin, stdout and stderr. `none` throws its output away. */
  readonly stdio: 'captured' | 'inherit' | 'none';
  /** Keeps its standard input open, and empty, until this process ends: for programs that end with that. */
  readonly holdsInputOpen?: boolean | undefined;
  /** Leaves it running in a session of its own when this process ends. */
  readonly isDetached?: boolean | undefined;
}

export interface RunningProcess {
  readonly pid: number;
  /** Undefined unless `captured`. */
  readonly stdout: NodeJS.ReadableStream | undefined;
  readonly stderr: NodeJS.ReadableStream | undefined;
  kill(signal: NodeJS.Signals): void;
  /** Lets this process end before the other one, whose output is no longer read. */
  leave(): void;
  /** Settles when the process has ended and its streams are read. Rejects with the reason of an abort. */
  readonly ended: Promise<Pick<ProcessOutput, 'status' | 'signal'>>;
}

/**
 * Starts a program. Aborting sends SIGKILL.
 * @throws BuildError PROCESS_NOT_STARTED (from `ended`, when the kernel refuses)
 */
export function spawnProcess(request: SpawnRequest, signal: AbortSignal): RunningProcess {
  signal.throwIfAborted();
  const stdio = { captured: 'pipe', inherit: 'inherit', none: 'ignore' } as const;
  const output = stdio[request.stdio];
  // Loading it takes a millisecond, and most builds start no program this way.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn(request.program, request.args, {
    env: { ...(request.env ?? CLEAN_ENV) },
    cwd: request.cwd,
    shell: false,
    detached: request.isDetached === true,
    stdio: [request.stdio === 'inherit' ? 'inherit' : input(request), output, output],
  });
  // A program that ends without reading its input is its own business.
  child.stdin?.on('error', () => undefined);
  if (request.holdsInputOpen !== true) child.stdin?.end(request.input);
  return {
    pid: child.pid ?? 0,
    stdout: child.stdout ?? undefined,
    stderr: child.stderr ?? undefined,
    kill: (name) => {
      child.kill(name);
    },
    leave: () => {
      child.unref();
      for (const stream of child.stdio) {
        if (stream instanceof Socket) stream.unref();
      }
    },
    ended: ended(child, request.program, signal),
  };
}

function input(request: SpawnRequest): 'pipe' | 'ignore' {
  const isNeeded = request.input !== undefined || request.holdsInputOpen === true;
  return isNeeded ? 'pipe' : 'ignore';
}

async function ended(
  child: ChildProcess,
  program: string,
  signal: AbortSignal,
): Promise<Pick<ProcessOutput, 'status' | 'signal'>> {
  const abort = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', (error) => {
        reject(notStarted(program, error));
      });
      child.once('close', (status, name) => {
        if (signal.aborted) reject(signal.reason as Error);
        else resolve({ status: status ?? undefined, signal: name ?? undefined });
      });
    });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/**
 * Absolute path of a program in `searchPath` (colon-separated, as in PATH), or undefined. Relative
 * entries are skipped: what they name depends on where the user stands.
 */
export function findProgram(
  name: string,
  searchPath: string = CLEAN_ENV['PATH'] ?? '',
): string | undefined {
  const folders = searchPath.split(':').filter((folder) => folder.startsWith('/'));
  return folders.map((folder) => path.join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const MAX_SHOWN_CHARS = 2000;

/** Output of a program as it may stand in a message: text, capped, without control characters, the end kept. */
export function shownOutput(output: Uint8Array | string): string {
  const text = typeof output === 'string' ? output : Buffer.from(output).toString('utf8');
  const clean = text
    .replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
    .replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, ' ')
    .trim();
  return clean.length > MAX_SHOWN_CHARS ? `…${clean.slice(-MAX_SHOWN_CHARS)}` : clean;
}

function notStarted(program: string, cause: Error): BuildError {
  return new BuildError({
    code: 'PROCESS_NOT_STARTED',
    class: 'host',
    message: `Cannot start "${program}": ${shownOutput(cause.message)}`,
    cause,
  });
}

function outputTooLarge(program: string, maxBytes: number): BuildError {
  return new BuildError({
    code: 'PROCESS_OUTPUT_TOO_LARGE',
    class: 'host',
    message: `Cannot read the output of "${program}": it wrote more than ${maxBytes} bytes`,
  });
}
