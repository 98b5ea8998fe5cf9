import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import {
  createMemoryFile,
  createPipe,
  reapProcess,
  spawnNative,
} from '../../host/native-process.ts';
import { cannotStart } from '../errors.ts';
import type { LauncherArchitecture } from './machine-code.ts';
import { LaunchProgram } from './program.ts';

/** How a launched process ended: its wait status, or the call on the way to it that failed. */
export type LaunchEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signaled'; readonly signal: string }
  | { readonly kind: 'failed'; readonly about: string; readonly errno: string };

export interface Launched {
  /** The guard outside the new namespaces: SIGTERM makes it kill everything. */
  readonly guardPid: number;
  /** Settles when all processes are gone. */
  readonly ended: Promise<LaunchEnd>;
  /** Kills every process of the step at once. */
  kill(): void;
}

/** Descriptor on which the launcher reports; one above standard error. */
const REPORT_FD = 3;

/** True where there is machine code for the launcher. `arch` is `process.arch`. */
export function launcherArchitecture(arch: string): LauncherArchitecture | undefined {
  return arch === 'x64' || arch === 'arm64' ? arch : undefined;
}

/**
 * Begins a program whose process lives in a pid namespace of its own, below a guard:
 *
 *   this process ─► guard (waits) ─► pid 1 of the namespace ─► …
 *
 * The guard dies with this process, however that ends (PR_SET_PDEATHSIG), and kills pid 1 first; with
 * pid 1 the kernel kills all others. `namespaces` are further CLONE_NEW* flags. Calls that are added
 * afterwards are made by pid 1. With `userNamespace`, a path, all namespaces are made inside that one; what
 * `beforeEntering` adds is done before, while there are still rights outside.
 */
export function beginGuarded(
  architecture: LauncherArchitecture,
  namespaces: number,
  parentPid: number,
  userNamespace?: string,
  beforeEntering?: (program: LaunchProgram) => void,
): LaunchProgram {
  const program = new LaunchProgram(architecture);
  const { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCHLD, SIGKILL } = constants.signals;
  program.call('prctl', [PR_SET_PDEATHSIG, SIGTERM], 'tying the guard to this process');
  // Were we dead already, the signal would never come.
  program.expect('getppid', [], parentPid, 'finding the builder alive');
  program.call('fcntl', [REPORT_FD, F_SETFD, FD_CLOEXEC], 'marking the report descriptor');
  program.tryCall('close_range', [REPORT_FD + 1, 0xffffffff, 0], 'closing inherited files');
  if (userNamespace !== undefined) {
    beforeEntering?.(program);
    enterUserNamespace(program, userNamespace);
    // Changes of rights may end it.
    program.call('prctl', [PR_SET_PDEATHSIG, SIGTERM], 'tying the guard to this process');
    program.expect('getppid', [], parentPid, 'finding the builder alive');
  }
  const blocked = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCHLD];
  program.call('rt_sigprocmask', [SIG_BLOCK, signalSet(blocked), 0, 8], 'blocking signals');
  program.fork(CLONE_NEWPID | CLONE_NEWNS | namespaces, [SIGTERM], 'making namespaces');
  program.call('prctl', [PR_SET_PDEATHSIG, SIGKILL], 'tying the process to its guard');
  program.call('rt_sigprocmask', [SIG_SETMASK, signalSet([]), 0, 8], 'unblocking signals');
  return program;
}

function enterUserNamespace(program: LaunchProgram, namespace: string): void {
  const NAMESPACE_FD = REPORT_FD + 1;
  const about = 'entering the user namespace';
  program.expect('openat', [AT_FDCWD, namespace, 0], NAMESPACE_FD, about);
  program.call('setns', [NAMESPACE_FD, CLONE_NEWUSER], about);
  program.call('close', [NAMESPACE_FD], about);
}

const AT_FDCWD = -100;
const CLONE_NEWUSER = 0x10000000;
/** Numbers of sched.h. */
export const CLONE_NEWNS = 0x00020000;
const CLONE_NEWPID = 0x20000000;
const PR_SET_PDEATHSIG = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

/**
 * Starts a program that `beginGuarded` began. `descriptors` become 0, 1 and 2; the caller closes its own.
 * Only on the main thread: the kernel ties the guard to the thread that started it.
 * @throws BuildError PROCESS_NOT_STARTED
 */
export function startGuarded(
  program: LaunchProgram,
  descriptors: readonly [number, number, number],
): Launched {
  const file = createMemoryFile('stagecraft-step', program.build());
  const report = createPipe();
  let guardPid: number;
  try {
    guardPid = spawnNative({
      program: `/proc/self/fd/${file}`,
      descriptors: [...descriptors, report.writeFd],
    });
  } catch (error) {
    closeSync(report.readFd);
    throw error;
  } finally {
    closeSync(file);
    closeSync(report.writeFd);
  }
  let isOver = false;
  const ended = readReport(report.readFd).then((messages) => {
    reapProcess(guardPid);
    isOver = true;
    return endOf(program, messages);
  });
  return {
    guardPid,
    ended,
    kill: () => {
      if (!isOver) process.kill(guardPid, 'SIGTERM');
    },
  };
}

/** Everything until the guard, the last one to have the pipe, has gone. */
function readReport(fd: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const socket = new Socket({ fd, readable: true, writable: false });
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => {
      resolve(Buffer.concat(chunks));
    });
  });
}

const MESSAGE_BYTES = 16;

function endOf(program: LaunchProgram, messages: Buffer): LaunchEnd {
  let waitStatus: number | undefined;
  for (let at = 0; at + MESSAGE_BYTES <= messages.length; at += MESSAGE_BYTES) {
    const address = messages.readBigUInt64LE(at);
    if (address === 0n) {
      waitStatus = messages.readUInt32LE(at + 8);
      continue;
    }
    const errno = Number(-messages.readBigInt64LE(at + 8));
    const about = program.aboutAt(address) ?? 'an unknown call';
    return { kind: 'failed', about, errno: errnoName(errno) };
  }
  // Without a report, somebody killed the guard.
  if (waitStatus === undefined) return { kind: 'signaled', signal: 'SIGKILL' };
  const signal = waitStatus & 0x7f;
  if (signal === 0) return { kind: 'exited', status: (waitStatus >> 8) & 0xff };
  return { kind: 'signaled', signal: signalName(signal) };
}

/** @throws BuildError SANDBOX_START for a launch that failed on the way; returns all others. */
export function throwIfFailed(end: LaunchEnd): Exclude<LaunchEnd, { kind: 'failed' }> {
  if (end.kind !== 'failed') return end;
  throw cannotStart(`${end.about} failed with ${end.errno}`);
}

function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === errno);
  return found?.[0] ?? `error ${errno}`;
}

function signalName(signal: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === signal);
  return found?.[0] ?? `SIG${signal}`;
}

function signalSet(signals: readonly number[]): Buffer {
  const set = Buffer.alloc(8);
  set.writeBigUInt64LE(signals.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n));
  return set;
}
