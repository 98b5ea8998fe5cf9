import { homedir } from 'node:os';
import { isatty } from 'node:tty';
import type { CommandContext, Output } from './command.ts';
import { outputFailed } from './errors.ts';
import { Interrupted } from './exit.ts';

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
    cwd: process.cwd(),
    uid: process.getuid?.() ?? 0,
    homeDir: process.env['HOME'] ?? homedir(),
    arch: process.arch,
    program: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
    argv: process.argv.slice(2),
    get stdin() {
      return process.stdin;
    },
    isStdinTerminal: isatty(0),
    stdout: openOutput(1, onFailure),
    stderr: openOutput(2, onFailure),
    signal: interruption.signal,
    now: () => Date.now(),
  };
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

/** Standard output or standard error. The stream itself is made at the first use. */
function openOutput(fd: 1 | 2, onFailure: (error: NodeJS.ErrnoException) => void): Output {
  let opened: NodeJS.WriteStream | undefined;
  let isBroken = false;
  const stream = (): NodeJS.WriteStream => {
    if (opened !== undefined) return opened;
    opened = fd === 1 ? process.stdout : process.stderr;
    opened.on('error', (error: NodeJS.ErrnoException) => {
      isBroken = true;
      onFailure(error);
    });
    return opened;
  };
  return {
    write: (text) => {
      if (!isBroken) stream().write(text);
    },
    stream,
    isTerminal: isatty(fd),
    size: () => {
      const { columns, rows } = stream();
      return columns > 0 && rows > 0 ? { columns, rows } : undefined;
    },
    onResize: (listener) => {
      stream().on('resize', listener);
      return () => {
        stream().off('resize', listener);
      };
    },
  };
}
