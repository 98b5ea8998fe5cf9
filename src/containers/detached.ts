import { BuildError } from '../diagnostics/build-error.ts';
import { spawnProcess, type RunningProcess } from '../host/child-process.ts';
import type { ContainerRecord } from './container-record.ts';
import { readContainer, type CreatedContainer } from './create-container.ts';
import { containerNotStarted } from './errors.ts';
import { runContainer, type RunContainerDeps } from './run-container.ts';

export interface StartDetachedOptions {
  /** Program and words that make this same program call `superviseContainer`; the container's id is added. */
  readonly supervisorArgv: readonly [string, ...string[]];
  /** Environment of the supervisor. None of it reaches the container. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Starts a process that runs the container and outlives this one. Resolves when the container runs.
 *
 * @throws BuildError with the supervisor's own code when it could not start the container
 */
export async function startDetached(
  { record }: CreatedContainer,
  options: StartDetachedOptions,
  signal: AbortSignal,
): Promise<DetachedStart> {
  const [program, ...words] = options.supervisorArgv;
  const supervisor = spawnProcess(
    {
      program,
      args: [...words, record.id],
      env: options.env,
      stdio: 'captured',
      isDetached: true,
    },
    signal,
  );
  supervisor.ended.catch(() => undefined);
  const report = await firstLine(supervisor);
  supervisor.leave();
  if (report === undefined) throw containerNotStarted('its supervisor ended without a word');
  if (!report.isRunning)
    throw new BuildError({ ...report.error, class: errorClass(report.error.class) });
  return { ports: report.ports, notes: report.notes };
}

/** What a detached container came up with. */
export interface DetachedStart {
  /** With the host ports that were chosen. */
  readonly ports: ContainerRecord['ports'];
  /** Lines for people. */
  readonly notes: readonly string[];
}

/** The one line that a supervisor writes to its standard output. */
type Report =
  | ({ readonly isRunning: true } & DetachedStart)
  | {
      readonly isRunning: false;
      readonly error: {
        readonly code: string;
        readonly class: string;
        readonly message: string;
        readonly hint?: string | undefined;
      };
    };

export interface SuperviseDeps extends Omit<RunContainerDeps, 'note' | 'onRunning'> {
  /** Standard output, which `startDetached` reads one line of. */
  readonly output: NodeJS.WritableStream;
}

/**
 * The other side of `startDetached`: runs the container `id` to its end, with its output in its log.
 * `signal` is aborted by SIGTERM, which `stopContainer` sends.
 */
export async function superviseContainer(
  id: string,
  deps: SuperviseDeps,
  signal: AbortSignal,
): Promise<void> {
  const notes: string[] = [];
  let ports: ContainerRecord['ports'] = [];
  let timer: NodeJS.Timeout | undefined;
  let hasReported = false;
  const report = (value: Report): void => {
    if (hasReported) return;
    hasReported = true;
    // Who started us may be gone by now; that is no reason to end.
    deps.output.on('error', () => undefined);
    deps.output.write(`${JSON.stringify(value)}\n`);
  };
  const reportRunning = (): void => {
    report({ isRunning: true, ports, notes });
  };
  try {
    const container = readContainer(deps.root, id);
    if (container === undefined) throw containerNotStarted('its record is gone');
    await runContainer(
      container,
      { kind: 'captured', onOutput: reportRunning },
      {
        ...deps,
        note: (text) => notes.push(text),
        onRunning: (running) => {
          ports = running.ports;
          timer = setTimeout(reportRunning, START_GRACE_MS);
        },
      },
      signal,
    );
    reportRunning();
  } catch (error) {
    if (!(error instanceof BuildError)) {
      if (signal.aborted) return;
      throw error;
    }
    const { code, class: kind, message, hint } = error;
    report({ isRunning: false, error: { code, class: kind, message, hint } });
  } finally {
    clearTimeout(timer);
  }
}

/** A container that has written nothing and not failed for this long is taken to run. */
const START_GRACE_MS = 250;

/** Undefined when it ends without one. */
async function firstLine({ stdout, ended }: RunningProcess): Promise<Report | undefined> {
  let text = '';
  const line = new Promise<void>((resolve) => {
    stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (text.includes('\n')) resolve();
    });
  });
  await Promise.race([line, ended.catch(() => undefined)]);
  try {
    return JSON.parse(text) as Report;
  } catch {
    return undefined;
  }
}

function errorClass(text: string): BuildError['class'] {
  const known = ['usage', 'input', 'build', 'registry', 'host'] as const;
  return known.find((name) => name === text) ?? 'host';
}
