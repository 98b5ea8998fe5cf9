import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { MS } from '../../host/mount.ts';
import {
  createMemoryFile,
  createPipe,
  reapProcess,
  spawnNative,
  type Pipe,
} from '../../host/native-process.ts';
import { emulationFailed } from '../errors.ts';
import type { LauncherArchitecture } from '../launcher/machine-code.ts';
import { LaunchProgram } from '../launcher/program.ts';
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
 * A small process makes it and lives only meanwhile. The namespace stays by a descriptor of ours, the
 * handlers by one of a file in their mount.
 *
 * @throws BuildError PLATFORM_NOT_RUNNABLE. `platform` is for the message
 */
export function openEmulationNamespace(
  architecture: LauncherArchitecture,
  emulators: readonly Emulator[],
  platform: string,
): EmulationNamespace {
  const program = makerProgram(architecture, emulators);
  const file = createMemoryFile('stagecraft-emulation', program.build());
  const [go, ready, report] = [createPipe(), createPipe(), createPipe()];
  const nowhere = openSync('/dev/null', 'w');
  const theirs = [go.readFd, ready.writeFd, nowhere, report.writeFd];
  const open = new Set([...theirs, go.writeFd, ready.readFd, report.readFd, file]);
  let pid: number | undefined;
  try {
    pid = spawnNative({ program: `/proc/self/fd/${String(file)}`, descriptors: theirs });
    for (const fd of theirs) {
      closeSync(fd);
      open.delete(fd);
    }
    waitFor(ready, report, program, platform);
    mapIds(pid, platform);
    writeFileSync(go.writeFd, Buffer.from([1]));
    waitFor(ready, report, program, platform);
    return keep(pid);
  } finally {
    // Its input ends, and so does it.
    for (const fd of open) closeSync(fd);
    if (pid !== undefined) reapProcess(pid);
  }
}

const CLONE_NEWUSER = 0x10000000;
const CLONE_NEWNS = 0x00020000;
const PR_SET_PDEATHSIG = 1;
const AT_FDCWD = -100;
const O_WRONLY = 1;
const FIRST_FREE_FD = 4;

function makerProgram(
  architecture: LauncherArchitecture,
  emulators: readonly Emulator[],
): LaunchProgram {
  const program = new LaunchProgram(architecture);
  program.call('prctl', [PR_SET_PDEATHSIG, constants.signals.SIGKILL], 'tying it to the builder');
  program.expect('getppid', [], process.pid, 'finding the builder alive');
  program.tryCall('close_range', [FIRST_FREE_FD, 0xffffffff, 0], 'closing inherited files');
  program.call('unshare', [CLONE_NEWUSER | CLONE_NEWNS], 'making a user namespace');
  program.expect('write', [1, 'u', 1], 1, 'telling of it');
  // Moves one byte from its input to nowhere: waits until the ids are there.
  program.expect('splice', [0, 0, 2, 0, 1, 0], 1, 'waiting for the ids');
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
  program.expect('write', [1, 'r', 1], 1, 'telling that it is ready');
  program.tryCall('splice', [0, 0, 2, 0, 1, 0], 'waiting for the end');
  program.call('exit_group', [0], 'ending');
  return program;
}

const MESSAGE_BYTES = 16;

/** @throws BuildError PLATFORM_NOT_RUNNABLE when the process ended instead */
function waitFor(ready: Pipe, report: Pipe, program: LaunchProgram, platform: string): void {
  if (readSync(ready.readFd, Buffer.alloc(1)) === 1) return;
  const message = Buffer.alloc(MESSAGE_BYTES);
  const length = readSync(report.readFd, message);
  const about =
    length === MESSAGE_BYTES ? program.aboutAt(message.readBigUInt64LE(0)) : 'preparing emulation';
  const errno = length === MESSAGE_BYTES ? Number(-message.readBigInt64LE(8)) : 0;
  const name = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0];
  throw emulationFailed(platform, `${about ?? 'a call'} failed with ${name ?? 'no reason given'}`);
}

/** The ids inside are those outside. */
function mapIds(pid: number, platform: string): void {
  try {
    for (const kind of ['uid_map', 'gid_map']) {
      const own = readFileSync(`/proc/self/${kind}`, 'latin1');
      const lines = own.trim().split('\n').map(sameInside);
      writeFileSync(`/proc/${String(pid)}/${kind}`, lines.join(''));
    }
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw emulationFailed(platform, `mapping its ids failed with ${found.slice(0, 200)}`);
  }
}

function sameInside(line: string): string {
  const [first = '', , count = ''] = line.trim().split(/\s+/);
  // OCI runtimes take a namespace that has all ids for the first one, and try what is not allowed.
  const inside = count === ALL_IDS ? String(Number(count) - 1) : count;
  return `${first} ${first} ${inside}\n`;
}

const ALL_IDS = '4294967295';

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
