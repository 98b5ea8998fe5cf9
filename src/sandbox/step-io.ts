import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { createPipe } from '../host/native-process.ts';
import type { SandboxIo } from './sandbox.ts';

/** Descriptors 0 to 2 for a step, and the reading of what it writes. */
export interface StepIo {
  readonly descriptors: readonly [number, number, number];
  /** Closes our copies of what the process has got by now. Call it after the start, also a failed one. */
  closeOurs(): void;
  /** Resolves when every process of the step has closed its output. */
  readonly drained: Promise<void>;
}

/** Opens what `io` asks for. Standard input is empty unless it is inherited. */
export function openStepIo(io: SandboxIo): StepIo {
  if (io.kind !== 'captured') {
    const isStdinOpen = io.kind === 'terminal' || io.isStdinOpen;
    const stdin = isStdinOpen ? 0 : openSync('/dev/null', 'r');
    return {
      descriptors: [stdin, 1, 2],
      closeOurs: () => {
        if (stdin !== 0) closeSync(stdin);
      },
      drained: Promise.resolve(),
    };
  }
  const stdin = openSync('/dev/null', 'r');
  const stdout = createPipe();
  const stderr = createPipe();
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
