import { closeSync, openSync, readSync } from 'node:fs';
import { textToBytes } from '../core/bytes.ts';
import { findProgram } from '../host/child-process.ts';
import type { SandboxIo, SandboxMount } from '../sandbox/sandbox.ts';
import type { FileTree } from '../tree/file-tree.ts';
import type { FailedStep } from './failed-step.ts';

/** A shell to look around with, and what has to be mounted for it. */
export interface StepShell {
  readonly args: readonly string[];
  readonly mounts: readonly SandboxMount[];
  /** Where it is from, for people. */
  readonly origin: string;
}

/** In order of comfort; the last is where debug images of distroless have theirs. */
const SHELLS = ['/bin/bash', '/usr/bin/bash', '/bin/sh', '/bin/ash', '/busybox/sh'];

/** Outside of the image's own paths: /dev is made anew for each process. Busybox wants its name in front. */
const BORROWED_SHELL = '/dev/busybox-stagecraft';

/**
 * The shell of a file system, else a static busybox of this host, found in `searchPath`. Undefined when
 * there is neither.
 */
export function findShell(files: FileTree, searchPath: string): StepShell | undefined {
  const own = SHELLS.find((path) => isProgram(files, path));
  if (own !== undefined) return { args: [own], mounts: [], origin: own };
  const busybox = findProgram('busybox', searchPath) ?? findProgram('busybox');
  if (busybox === undefined || !isStatic(busybox)) return undefined;
  return {
    args: [BORROWED_SHELL, 'sh'],
    mounts: [{ type: 'bind', source: busybox, target: BORROWED_SHELL, isReadonly: true }],
    origin: `${busybox} of this host`,
  };
}

/** Runs the shell on the terminal, or on standard input and output where they are none. */
export async function runShell(
  step: FailedStep,
  shell: StepShell,
  isTerminal: boolean,
  signal: AbortSignal,
): Promise<void> {
  const io: SandboxIo = isTerminal ? { kind: 'terminal' } : { kind: 'inherit', isStdinOpen: true };
  // How it ends says nothing about the build.
  await step.run(shell.args, shell.mounts, io, signal);
}

function isProgram(files: FileTree, path: string): boolean {
  const node = files.lookup(textToBytes(path), { followsLast: true });
  return node?.type === 'file' && (node.mode & 0o111) !== 0;
}

const ELF_HEADER_BYTES = 64;
const MAX_PROGRAM_HEADERS = 64;
const PT_INTERP = 3;

/** Whether a 64-bit ELF program asks for no dynamic loader (elf(5)), which the image may not have. */
function isStatic(program: string): boolean {
  const fd = openSync(program, 'r');
  try {
    const header = Buffer.alloc(ELF_HEADER_BYTES);
    readSync(fd, header, 0, ELF_HEADER_BYTES, 0);
    if (header.toString('latin1', 0, 4) !== '\u007fELF' || header[4] !== 2) return false;
    const [offset, size, count] = [
      Number(header.readBigUInt64LE(32)),
      header.readUInt16LE(54),
      Math.min(header.readUInt16LE(56), MAX_PROGRAM_HEADERS),
    ];
    const table = Buffer.alloc(size * count);
    const length = readSync(fd, table, 0, table.length, offset);
    for (let at = 0; at + 4 <= length; at += size) {
      if (table.readUInt32LE(at) === PT_INTERP) return false;
    }
    return count > 0;
  } finally {
    closeSync(fd);
  }
}
