import { closeSync, openSync, readSync } from 'node:fs';
import { CLEAN_ENV, findProgram } from '../../host/child-process.ts';
import type { ProgramFormat } from './program-format.ts';

/**
 * QEMU's emulator of user programs, as Debian's qemu-user-static has it, else another build that is
 * static: a dynamic one would look for its loader in the file system of the step. Undefined when there
 * is none. `searchPath` is PATH.
 */
export function findEmulator(format: ProgramFormat, searchPath: string): string | undefined {
  return [`qemu-${format.emulator}-static`, `qemu-${format.emulator}`]
    .flatMap((name) => findProgram(name, searchPath) ?? findProgram(name, CLEAN_ENV['PATH']) ?? [])
    .find((program) => !program.includes(':') && isStatic(program));
}

const HEADER_BYTES = 4096;
const PROGRAM_HEADER_BYTES = 56;
const PT_INTERP = 3;

/** Whether a 64-bit little-endian program names no loader (elf(5)). */
function isStatic(program: string): boolean {
  const header = Buffer.alloc(HEADER_BYTES);
  let length: number;
  try {
    const fd = openSync(program, 'r');
    try {
      length = readSync(fd, header, 0, HEADER_BYTES, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
  if (length < 64 || header.toString('hex', 0, 6) !== '7f454c460201') return false;
  const start = Number(header.readBigUInt64LE(32));
  const count = header.readUInt16LE(56);
  if (start + count * PROGRAM_HEADER_BYTES > length) return false;
  for (let index = 0; index < count; index++) {
    if (header.readUInt32LE(start + index * PROGRAM_HEADER_BYTES) === PT_INTERP) return false;
  }
  return true;
}
