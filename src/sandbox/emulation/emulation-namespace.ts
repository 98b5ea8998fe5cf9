import { closeSync, openSync } from 'node:fs';
import { MS } from '../../host/mount.ts';
import { emulationFailed } from '../errors.ts';
import type { LauncherArchitecture } from '../launcher/machine-code.ts';
import { FIRST_FREE_FD, makeUserNamespace } from '../launcher/make-user-namespace.ts';
import type { LaunchProgram } from '../launcher/program.ts';
import { HANDLER_DIRECTORY, registration } from './kernel-handlers.ts';
import type { ProgramFormat } from './program-format.ts';

/** An emulator and what it is for. */
export interface Emulator {
  readonly format: ProgramFormat;
  /** Absolute path of a static program. */
  readonly program: string;
}

/** A user namespace whose programs go to emulators. */
export interface EmulationNamespace {
  /** To be opened by processes that shall enter it, as long as this process lives. */
  readonly path: string;
  close(): void;
}

/**
 * Makes a user namespace with the ids of this one and handlers of its own for the programs of other
 * processors (Linux 6.7): nothing on the host is registered or changed, and all of it is gone with the
 * last process and descriptor that uses it. Takes some milliseconds.
 *
 * The namespace stays by a descriptor of ours, the handlers by one of a file in their mount.
 *
 * @throws BuildError PLATFORM_NOT_RUNNABLE. `platform` is for the message
 */
export function openEmulationNamespace(
  architecture: LauncherArchitecture,
  emulators: readonly Emulator[],
  platform: string,
): EmulationNamespace {
  return makeUserNamespace({
    architecture,
    ids: 'all',
    besides: CLONE_NEWNS,
    prepare(program) {
      registerEmulators(program, emulators);
    },
    keep,
    fail: (reason) => emulationFailed(platform, reason),
  });
}

const CLONE_NEWNS = 0x00020000;
const AT_FDCWD = -100;
const O_WRONLY = 1;

function registerEmulators(program: LaunchProgram, emulators: readonly Emulator[]): void {
  program.call('mount', ['none', '/', 0, MS.REC | MS.PRIVATE, 0], 'making mounts private');
  const type = 'binfmt_misc';
  program.call('mount', [type, HANDLER_DIRECTORY, type, 0, 0], 'mounting binfmt_misc');
  for (const { format, program: emulator } of emulators) {
    const line = registration(`qemu-${format.emulator}`, format, emulator);
    const about = `registering "${emulator}"`;
    const file = `${HANDLER_DIRECTORY}/register`;
    program.expect('openat', [AT_FDCWD, file, O_WRONLY], FIRST_FREE_FD, about);
    const length = Buffer.byteLength(line);
    program.expect('write', [FIRST_FREE_FD, line, length], length, about);
    program.call('close', [FIRST_FREE_FD], about);
  }
}

function keep(pid: number): EmulationNamespace {
  const namespace = openSync(`/proc/${String(pid)}/ns/user`, 'r');
  let handlers: number;
  try {
    handlers = openSync(`/proc/${String(pid)}/root${HANDLER_DIRECTORY}/status`, 'r');
  } catch (error) {
    closeSync(namespace);
    throw error;
  }
  return {
    path: `/proc/${String(process.pid)}/fd/${String(namespace)}`,
    close() {
      closeSync(namespace);
      closeSync(handlers);
    },
  };
}
