import { closeSync } from 'node:fs';
import { BuildError } from '../../diagnostics/build-error.ts';
import { createMemoryFile, reapProcess, spawnNative } from '../../host/native-process.ts';
import { headerOf, programFormat } from './program-format.ts';

/** 32-bit predecessors by processor (GOARCH), and machine code in them that ends with status 0. */
const PREDECESSORS: Readonly<
  Record<string, { readonly architecture: string; readonly exit: string }>
> = {
  // xor eax,eax; inc eax; xor ebx,ebx; int 0x80
  amd64: { architecture: '386', exit: '31c04031dbcd80' },
  // mov r0,#0; mov r7,#1; svc #0
  arm64: { architecture: 'arm', exit: '0000a0e30170a0e3000000ef' },
};

/** The architecture that this processor may also run the programs of, if the kernel lets it. */
export function predecessorOf(host: string): string | undefined {
  return Object.hasOwn(PREDECESSORS, host) ? PREDECESSORS[host]?.architecture : undefined;
}

const answers = new Map<string, boolean>();

/** Whether the kernel runs programs of the 32-bit predecessor of `host` (GOARCH): one is tried, once. */
export function runsPredecessor(host: string): boolean {
  const known = answers.get(host);
  if (known !== undefined) return known;
  const predecessor = Object.hasOwn(PREDECESSORS, host) ? PREDECESSORS[host] : undefined;
  const answer =
    predecessor !== undefined && starts(tinyProgram(predecessor.architecture, predecessor.exit));
  answers.set(host, answer);
  return answer;
}

function starts(program: Buffer): boolean {
  const file = createMemoryFile('stagecraft-probe', program);
  try {
    reapProcess(spawnNative({ program: `/proc/self/fd/${String(file)}`, descriptors: [] }));
    return true;
  } catch (error) {
    if (error instanceof BuildError && error.code === 'PROCESS_NOT_STARTED') return false;
    throw error;
  } finally {
    closeSync(file);
  }
}

const HEADER_BYTES = 52;
const PROGRAM_HEADER_BYTES = 32;
const BASE_ADDRESS = 0x10000;

/** A static 32-bit little-endian program of one segment (elf(5)). */
function tinyProgram(architecture: string, codeHex: string): Buffer {
  const format = programFormat(architecture);
  if (format === undefined) throw new TypeError(`No format for ${architecture}`);
  const code = Buffer.from(codeHex, 'hex');
  const start = HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const file = Buffer.alloc(start + code.length);
  headerOf(format).copy(file);
  const ARM_EABI_5 = 0x05000000;
  const header: readonly (readonly [at: number, value: number])[] = [
    [20, 1],
    [24, BASE_ADDRESS + start],
    [28, HEADER_BYTES],
    [36, architecture === 'arm' ? ARM_EABI_5 : 0],
  ];
  for (const [at, value] of header) file.writeUInt32LE(value, at);
  file.writeUInt16LE(HEADER_BYTES, 40);
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 42);
  file.writeUInt16LE(1, 44);
  const [PT_LOAD, READ_EXECUTE, PAGE] = [1, 5, 0x1000];
  const segment = [PT_LOAD, 0, BASE_ADDRESS, BASE_ADDRESS, file.length, file.length, READ_EXECUTE];
  [...segment, PAGE].forEach((value, index) => {
    file.writeUInt32LE(value, HEADER_BYTES + index * 4);
  });
  code.copy(file, start);
  return file;
}
