import { closeSync, openSync, writeSync } from 'node:fs';
import { BuildError } from '../diagnostics/build-error.ts';
import { declareNative, nativePath } from './ffi.ts';

/**
 * Starting a process by posix_spawn. Node's own spawn forks, which takes 1.4 ms and up to 10 ms more per
 * 100 MB of memory that this process has; posix_spawn takes 0.6 ms whatever its size.
 */
export interface NativeSpawnRequest {
  readonly program: string;
  /** Which of our descriptors become 0, 1, 2, … of the process. */
  readonly descriptors: readonly number[];
}

const strdupCall = declareNative('strdup', ['void *'], 'long');
const initActionsCall = declareNative('posix_spawn_file_actions_init', ['void *']);
const addDup2Call = declareNative('posix_spawn_file_actions_adddup2', ['void *', 'int', 'int']);
const destroyActionsCall = declareNative('posix_spawn_file_actions_destroy', ['void *']);
const initAttributesCall = declareNative('posix_spawnattr_init', ['void *']);
const setFlagsCall = declareNative('posix_spawnattr_setflags', ['void *', 'int']);
const setDefaultCall = declareNative('posix_spawnattr_setsigdefault', ['void *', 'void *']);
const spawnCall = declareNative('posix_spawn', [
  'void *',
  'void *',
  'void *',
  'void *',
  'void *',
  'void *',
]);

/** Larger than the structures of any libc (336 and 80 bytes in glibc and musl). */
const STRUCTURE_BYTES = 1024;
const SIGNAL_SET_BYTES = 128;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;

/** Name that `ps` shows; allocated once, as its address goes into each argument list. */
let nameAddress: number | undefined;

/**
 * Starts a program with an empty environment, one argument, no blocked and no ignored signals. All
 * other descriptors that are open without close-on-exec go to it as well: it must close them.
 * The caller reaps it with `reapProcess`.
 *
 * @throws BuildError PROCESS_NOT_STARTED
 */
export function spawnNative(request: NativeSpawnRequest): number {
  const actions = Buffer.alloc(STRUCTURE_BYTES);
  const attributes = Buffer.alloc(STRUCTURE_BYTES);
  initActionsCall(undefined, [actions]);
  try {
    request.descriptors.forEach((fd, index) => addDup2Call(undefined, [actions, fd, index]));
    // Nothing to free in attributes, in glibc and in musl.
    initAttributesCall(undefined, [attributes]);
    setFlagsCall(undefined, [attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK]);
    setDefaultCall(undefined, [attributes, Buffer.alloc(SIGNAL_SET_BYTES, 0xff)]);
    nameAddress ??= strdupCall(undefined, [nativePath('stagecraft-step')]);
    const argv = Buffer.alloc(16);
    argv.writeBigInt64LE(BigInt(nameAddress));
    const pid = Buffer.alloc(4);
    const errno = spawnCall(request.program, [
      pid,
      nativePath(request.program),
      actions,
      attributes,
      argv,
      Buffer.alloc(8),
    ]);
    if (errno !== 0) throw notStarted(request.program, errno);
    return pid.readInt32LE();
  } finally {
    destroyActionsCall(undefined, [actions]);
  }
}

const waitpidCall = declareNative('waitpid', ['int', 'void *', 'int']);

/** Waits, blocking the thread, for a process from `spawnNative` that is about to end. */
export function reapProcess(pid: number): void {
  waitpidCall(undefined, [pid, null, 0]);
}

const pipe2Call = declareNative('pipe2', ['void *', 'int']);
const O_CLOEXEC = 0o2000000;

export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/**
 * A pipe(2), both ends close-on-exec. Node's own `pipe` is a socket, which programs cannot open
 * again as /dev/stdout.
 */
export function createPipe(): Pipe {
  const fds = Buffer.alloc(8);
  pipe2Call(undefined, [fds, O_CLOEXEC]);
  return { readFd: fds.readInt32LE(0), writeFd: fds.readInt32LE(4) };
}

const memfdCreateCall = declareNative('memfd_create', ['void *', 'uint']);
const MFD_CLOEXEC = 1;

/**
 * A file in memory alone, open for reading: what is in it never reaches a disk and is gone with its
 * last descriptor. It can be executed as `/proc/self/fd/N`, also where every tmpfs is noexec.
 */
export function createMemoryFile(name: string, bytes: Uint8Array): number {
  const writable = memfdCreateCall(undefined, [nativePath(name), MFD_CLOEXEC]);
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(writable, bytes, written);
    // The kernel executes no file that somebody has open for writing.
    return openSync(`/proc/self/fd/${writable}`, 'r');
  } finally {
    closeSync(writable);
  }
}

function notStarted(program: string, errno: number): BuildError {
  return new BuildError({
    code: 'PROCESS_NOT_STARTED',
    class: 'host',
    message: `Cannot start "${program}": posix_spawn failed with error ${errno}`,
  });
}
