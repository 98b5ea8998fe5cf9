import { homedir } from 'node:os';
import { sharedSignal } from '../core/shared-signal.ts';
import type { CommandContext } from './command.ts';
import { noWorkingDirectory, outputFailed } from './errors.ts';
import { Interrupted } from './exit.ts';
import { isTerminal, openOutput } from './process-output.ts';

/** This process as commands see it. Call once: it begins to listen for signals. */
export function openProcessContext(): CommandContext {
  const interruption = new AbortController();
  listenForSignals(interruption);
  const onFailure = (error: NodeJS.ErrnoException): void => {
    const isClosed = error.code === 'EPIPE';
    interruption.abort(isClosed ? new Interrupted('SIGPIPE') : outputFailed(error));
  };
  return {
    env: process.env,
    get cwd() {
      return workingDirectory();
    },
    uid: process.getuid?.() ?? 0,
    homeDir: process.env['HOME'] ?? homedir(),
    arch: process.arch,
    program: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
    argv: process.argv.slice(2),
    get stdin() {
      return process.stdin;
    },
    get isStdinTerminal() {
      return isTerminal(0);
    },
    stdout: openOutput(1, onFailure),
    stderr: openOutput(2, onFailure),
    signal: sharedSignal(interruption.signal),
    now: () => Date.now(),
  };
}

/** @throws BuildError WORKING_DIRECTORY_GONE */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw noWorkingDirectory(error);
  }
}

/** The first signal asks everything to end and clean up; a second one of a kind ends the process at once. */
function listenForSignals(interruption: AbortController): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const reason = new Interrupted(name);
      if (interruption.signal.aborted) process.exit(reason.status);
      interruption.abort(reason);
    });
  }
}
