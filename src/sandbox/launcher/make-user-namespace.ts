import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import {
  createMemoryFile,
  createPipe,
  reapProcess,
  spawnNative,
  type Pipe,
} from '../../host/native-process.ts';
import type { LauncherArchitecture } from './machine-code.ts';
import { LaunchProgram } from './program.ts';

/** A user namespace to be made. */
export interface UserNamespaceRequest<T> {
  readonly architecture: LauncherArchitecture;
  /**
   * `all`: the ids inside are those that this process has, which takes CAP_SETUID and CAP_SETGID.
   * `root`: only root, which takes nothing.
   */
  readonly ids: 'all' | 'root';
  /** CLONE_NEW* flags of namespaces besides, which belong to it. */
  readonly besides: number;
  /** Adds calls that are made inside. They may use descriptors from `FIRST_FREE_FD` on. */
  prepare(program: LaunchProgram): void;
  /** Takes hold of what is to stay, while process `pid` is inside. */
  keep(pid: number): T;
  /** The error for a reason such as `making a user namespace failed with EPERM`. */
  fail(reason: string): Error;
}

/** Descriptors below it are taken in the process that makes a namespace. */
export const FIRST_FREE_FD = 4;

/**
 * Makes a user namespace without entering it, which a process of several threads cannot. A small process
 * makes it and lives only meanwhile, so it is gone with the last descriptor that `keep` opened. Takes some
 * milliseconds, and blocks.
 */
export function makeUserNamespace<T>(request: UserNamespaceRequest<T>): T {
  const program = makerProgram(request);
  const file = createMemoryFile('stagecraft-namespace', program.build());
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
    waitFor(ready, report, program, request);
    mapIds(pid, request);
    writeFileSync(go.writeFd, Buffer.from([1]));
    waitFor(ready, report, program, request);
    return request.keep(pid);
  } finally {
    // Its input ends, and so does it.
    for (const fd of open) closeSync(fd);
    if (pid !== undefined) reapProcess(pid);
  }
}

const CLONE_NEWUSER = 0x10000000;
const PR_SET_PDEATHSIG = 1;

function makerProgram({
  architecture,
  besides,
  prepare,
}: Pick<UserNamespaceRequest<unknown>, 'architecture' | 'besides' | 'prepare'>): LaunchProgram {
  const program = new LaunchProgram(architecture);
  program.call('prctl', [PR_SET_PDEATHSIG, constants.signals.SIGKILL], 'tying it to the builder');
  program.expect('getppid', [], process.pid, 'finding the builder alive');
  program.tryCall('close_range', [FIRST_FREE_FD, 0xffffffff, 0], 'closing inherited files');
  program.call('unshare', [CLONE_NEWUSER | besides], 'making a user namespace');
  program.expect('write', [1, 'u', 1], 1, 'telling of it');
  // Moves one byte from its input to nowhere: waits until the ids are there.
  program.expect('splice', [0, 0, 2, 0, 1, 0], 1, 'waiting for the ids');
  prepare(program);
  program.expect('write', [1, 'r', 1], 1, 'telling that it is ready');
  program.tryCall('splice', [0, 0, 2, 0, 1, 0], 'waiting for the end');
  program.call('exit_group', [0], 'ending');
  return program;
}

const MESSAGE_BYTES = 16;

function waitFor(
  ready: Pipe,
  report: Pipe,
  program: LaunchProgram,
  { fail }: Pick<UserNamespaceRequest<unknown>, 'fail'>,
): void {
  if (readSync(ready.readFd, Buffer.alloc(1)) === 1) return;
  const message = Buffer.alloc(MESSAGE_BYTES);
  const length = readSync(report.readFd, message);
  const about =
    length === MESSAGE_BYTES ? program.aboutAt(message.readBigUInt64LE(0)) : 'preparing it';
  const errno = length === MESSAGE_BYTES ? Number(-message.readBigInt64LE(8)) : 0;
  const name = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0];
  throw fail(`${about ?? 'a call'} failed with ${name ?? 'no reason given'}`);
}

function mapIds(
  pid: number,
  { ids, fail }: Pick<UserNamespaceRequest<unknown>, 'ids' | 'fail'>,
): void {
  try {
    // The kernel wants this where groups are mapped without CAP_SETGID (user_namespaces(7)).
    if (ids === 'root') writeFileSync(`/proc/${String(pid)}/setgroups`, 'deny');
    for (const kind of ['uid_map', 'gid_map']) {
      const own = readFileSync(`/proc/self/${kind}`, 'latin1');
      const lines = ids === 'root' ? ['0 0 1\n'] : own.trim().split('\n').map(sameInside);
      writeFileSync(`/proc/${String(pid)}/${kind}`, lines.join(''));
    }
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw fail(`mapping its ids failed with ${found.slice(0, 200)}`);
  }
}

function sameInside(line: string): string {
  const [first = '', , count = ''] = line.trim().split(/\s+/);
  // OCI runtimes take a namespace that has all ids for the first one, and try what is not allowed.
  const inside = count === ALL_IDS ? String(Number(count) - 1) : count;
  return `${first} ${first} ${inside}\n`;
}

const ALL_IDS = '4294967295';
