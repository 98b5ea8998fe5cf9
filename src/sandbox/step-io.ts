import { closeSync, openSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { createPipe, type Pipe } from '../host/native-process.ts';
import { openPseudoTerminal, setTerminalSize, writeWhole } from '../host/pseudo-terminal.ts';
import type { SandboxIo } from './sandbox.ts';

/** Descriptors 0 to 2 for a step, and the reading of what it writes. */
export interface StepIo {
  readonly descriptors: readonly [number, number, number];
  /** The terminal that was made, as this host names it; undefined where there is none. */
  readonly terminal?: string;
  /** Closes our copies of what the process has got by now. Call it after the start, also a failed one. */
  closeOurs(): void;
  /** Resolves when every process of the step has closed its output. */
  readonly drained: Promise<void>;
}

/**
 * Opens what `io` asks for. Standard input is empty unless it is inherited. A terminal is this process's
 * own here: runtimes make the pseudo terminal themselves. `openEmpty` opens what is read when nothing is.
 */
export function openStepIo(io: SandboxIo, openEmpty = openNull): StepIo {
  if (io.kind !== 'captured') {
    const isStdinOpen = io.kind === 'terminal' || io.isStdinOpen;
    const stdin = isStdinOpen ? 0 : openEmpty();
    return {
      descriptors: [stdin, 1, 2],
      closeOurs: () => {
        if (stdin !== 0) closeSync(stdin);
      },
      drained: Promise.resolve(),
    };
  }
  const { stdin, stdout, stderr } = openCapturedDescriptors(openEmpty);
  return {
    descriptors: [stdin, stdout.writeFd, stderr.writeFd],
    closeOurs: () => {
      for (const fd of [stdin, stdout.writeFd, stderr.writeFd]) closeSync(fd);
    },
    drained: Promise.all([
      readAll(stdout.readFd, (bytes) => {
        io.onOutput('stdout', bytes);
      }),
      readAll(stderr.readFd, (bytes) => {
        io.onOutput('stderr', bytes);
      }),
    ]).then(() => undefined),
  };
}

function openNull(): number {
  return openSync('/dev/null', 'r');
}

/** An empty input and two pipes, or none of them where one cannot be made. */
function openCapturedDescriptors(openEmpty: () => number): {
  stdin: number;
  stdout: Pipe;
  stderr: Pipe;
} {
  const opened: number[] = [];
  try {
    const stdin = openEmpty();
    opened.push(stdin);
    const stdout = createPipe();
    opened.push(stdout.readFd, stdout.writeFd);
    return { stdin, stdout, stderr: createPipe() };
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

function readAll(fd: number, onBytes: (bytes: Uint8Array) => void): Promise<void> {
  const socket = new Socket({ fd, readable: true, writable: false });
  socket.on('data', onBytes);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => {
      resolve();
    });
  });
}

/** Like `openStepIo`, with a pseudo terminal of our making for `terminal`. */
export function openStepIoWithTerminal(io: SandboxIo): StepIo {
  if (io.kind !== 'terminal') return openStepIo(io);
  const { masterFd, slaveFd } = openPseudoTerminal();
  return {
    descriptors: [slaveFd, slaveFd, slaveFd],
    terminal: readlinkSync(`/proc/self/fd/${slaveFd}`),
    closeOurs: () => {
      closeSync(slaveFd);
    },
    drained: joinTerminal(masterFd),
  };
}

/** Passes everything on between this process's terminal, in raw mode, and the pseudo terminal. */
function joinTerminal(masterFd: number): Promise<void> {
  const { stdin, stdout } = process;
  const resize = (): void => {
    if (stdout.isTTY) setTerminalSize(masterFd, stdout.columns, stdout.rows);
  };
  const toMaster = (bytes: Buffer): void => {
    writeWhole(masterFd, bytes);
  };
  resize();
  stdout.on('resize', resize);
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', toMaster);
  const { ReadStream } = process.getBuiltinModule('node:tty');
  const master = new ReadStream(masterFd);
  master.on('data', (bytes: Buffer) => stdout.write(bytes));
  return new Promise((resolve) => {
    // Linux reports EIO when the last process has closed the other side.
    master.once('error', () => master.destroy());
    master.once('close', () => {
      stdin.off('data', toMaster);
      stdout.off('resize', resize);
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
      resolve();
    });
  });
}
