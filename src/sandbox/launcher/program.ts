import { syscallNumbers, type SyscallAbi } from '../syscall-numbers.ts';
import { launcherCode, type LauncherArchitecture } from './machine-code.ts';

/**
 * A list of system calls as a Linux program of its own: a static ELF file of a few kilobytes that makes
 * them and ends in an exec. See machine-code.ts for why.
 */
export class LaunchProgram {
  readonly #architecture: LauncherArchitecture;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #records: Record[] = [];
  readonly #data = new DataArea();

  constructor(architecture: LauncherArchitecture) {
    this.#architecture = architecture;
    this.#numbers = syscallNumbers(LAUNCHER_ABI[architecture]);
  }

  /** A call that has to succeed. `about` completes "Cannot start the process: … failed with ENOENT". */
  call(name: string, args: readonly Argument[], about: string): void {
    this.#add(name, args, RULE.mustSucceed, 0, about);
  }

  /** A call whose failure does no harm. */
  tryCall(name: string, args: readonly Argument[], about: string): void {
    this.#add(name, args, RULE.mayFail, 0, about);
  }

  /** A call that has to return exactly `value`. */
  expect(name: string, args: readonly Argument[], value: number, about: string): void {
    this.#add(name, args, RULE.mustEqual, value, about);
  }

  /**
   * Goes on in a child process. The parent waits for it, kills it when it gets one of `signals`
   * (numbers), which it must have blocked along with SIGCHLD, and reports how it ended.
   */
  fork(flags: number, signals: readonly number[], about: string): void {
    const set = signalSet([...signals, SIGCHLD]);
    this.#add('clone', [flags | SIGCHLD], RULE.fork, set, about);
  }

  /** What the record at `address` was about, for messages. */
  aboutAt(address: bigint): string | undefined {
    const start = BASE_ADDRESS + this.#recordsOffset();
    return this.#records[(Number(address) - start) / RECORD_BYTES]?.about;
  }

  /** The ELF file. */
  build(): Buffer {
    const code = launcherCode(this.#architecture);
    const table = new Int32Array((this.#records.length * RECORD_BYTES) / HALF_WORD_BYTES);
    const base = BASE_ADDRESS + this.#recordsOffset() + table.byteLength;
    let at = 0;
    for (const { number, args, rule, value } of this.#records) {
      writeWord(table, at, number, base);
      for (let i = 0; i < args.length; i++) {
        writeWord(table, at + 2 * (i + 1), this.#data.place(args[i] ?? 0), base);
      }
      writeWord(table, at + 2 * 7, rule, base);
      writeWord(table, at + 2 * 8, this.#data.place(value), base);
      at += RECORD_BYTES / HALF_WORD_BYTES;
    }
    const body = Buffer.concat([code, bytesOf(table), this.#data.bytes(base)]);
    return Buffer.concat([elfHeaders(this.#architecture, body.length), body]);
  }

  #add(
    name: string,
    args: readonly Argument[],
    rule: number,
    value: Argument,
    about: string,
  ): void {
    const number = this.#numbers.get(name);
    if (number === undefined) throw new TypeError(`No number for the system call ${name}`);
    this.#records.push({ number, args, rule, value, about });
  }

  #recordsOffset(): number {
    return HEADER_BYTES + launcherCode(this.#architecture).length;
  }
}

/** Which numbers system calls have for the launcher. */
const LAUNCHER_ABI: Readonly<globalThis.Record<LauncherArchitecture, SyscallAbi>> = {
  x64: 'x86_64',
  arm64: 'aarch64',
};

/**
 * An argument of a call: a number (negative ones as the kernel takes them), text or bytes by address
 * (text gets its NUL), an array of such by address, ended with a null pointer, or a structure.
 */
export type Argument = number | bigint | string | Uint8Array | readonly string[] | Structure;

/** Fields one after the other, by address. The bytes of each field's own layout are the caller's business. */
export interface Structure {
  /** Numbers are 64 bits wide; a structure or text is its address. */
  readonly words: readonly (number | bigint | string | Uint8Array)[];
}

interface Record {
  readonly number: number;
  readonly args: readonly Argument[];
  readonly rule: number;
  readonly value: Argument;
  readonly about: string;
}

/** What the machine code does with a result. */
const RULE = { mustSucceed: 0, mayFail: 1, mustEqual: 2, fork: 3 } as const;

const SIGCHLD = 17;
const WORD_BYTES = 8;
const HALF_WORD_BYTES = 4;
const RECORD_BYTES = 9 * WORD_BYTES;

/** Where the file is mapped. The usual place of programs that are not position-independent. */
const BASE_ADDRESS = 0x400000;

/** A word of the file: a number, or the place of something in the data area. */
type Placed = number | bigint | { readonly offset: number };

/**
 * Writes a word at half word `at`, the lower half first, as the machines that there are launchers for have
 * it. Each step writes a thousand of these, so numbers do not become big integers first.
 */
function writeWord(halves: Int32Array, at: number, word: Placed, base: number): void {
  if (typeof word === 'bigint') {
    halves[at] = Number(BigInt.asIntN(32, word));
    halves[at + 1] = Number(BigInt.asIntN(32, word >> 32n));
    return;
  }
  const value = typeof word === 'number' ? word : base + word.offset;
  halves[at] = value | 0;
  halves[at + 1] = Math.floor(value / 2 ** 32);
}

function bytesOf(halves: Int32Array): Uint8Array {
  return new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
}

/** Bytes that arguments point to, and the pointers among them. */
class DataArea {
  readonly #chunks: Uint8Array[] = [];
  readonly #pointers: { readonly at: number; readonly to: Placed }[] = [];
  #length = 0;

  place(value: Argument): Placed {
    if (typeof value === 'number' || typeof value === 'bigint') return value;
    if (typeof value === 'string') return this.#add(Buffer.from(`${value}\0`, 'utf8'));
    if (value instanceof Uint8Array) return this.#add(value);
    return this.#words('words' in value ? value.words : [...value, 0]);
  }

  bytes(base: number): Uint8Array {
    const halves = new Int32Array(this.#length / HALF_WORD_BYTES);
    const all = bytesOf(halves);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += paddedLength(chunk);
    }
    for (const { at, to } of this.#pointers) writeWord(halves, at / HALF_WORD_BYTES, to, base);
    return all;
  }

  #words(words: Structure['words']): Placed {
    const placed = words.map((word) => this.place(word));
    const start = this.#length;
    placed.forEach((to, index) => this.#pointers.push({ at: start + index * WORD_BYTES, to }));
    return this.#add(new Uint8Array(placed.length * WORD_BYTES));
  }

  #add(bytes: Uint8Array): Placed {
    const offset = this.#length;
    this.#chunks.push(bytes);
    this.#length += paddedLength(bytes);
    return { offset };
  }
}

/** Each chunk begins at a whole word. */
function paddedLength({ length }: Uint8Array): number {
  return Math.ceil(length / WORD_BYTES) * WORD_BYTES;
}

function signalSet(signals: readonly number[]): Buffer {
  const set = Buffer.alloc(WORD_BYTES);
  set.writeBigUInt64LE(signals.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n));
  return set;
}

const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const HEADER_BYTES = ELF_HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES;
const ELF_MACHINE: Readonly<globalThis.Record<LauncherArchitecture, number>> = {
  x64: 62,
  arm64: 183,
};

/** Headers of a static 64-bit program: one segment to read and execute, and a stack to read and write (elf(5)). */
function elfHeaders(architecture: LauncherArchitecture, bodyBytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  // Magic, 64 bits, little endian, version 1.
  header.write('7f454c46020101', 0, 'hex');
  const [ET_EXEC, PT_LOAD, PT_GNU_STACK] = [2, 1, 0x6474e551];
  const READ_EXECUTE = 5;
  const READ_WRITE = 6;
  const LARGEST_PAGE_BYTES = 0x10000n;
  header.writeUInt16LE(ET_EXEC, 16);
  header.writeUInt16LE(ELF_MACHINE[architecture], 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(BASE_ADDRESS + HEADER_BYTES), 24);
  header.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32);
  header.writeUInt16LE(ELF_HEADER_BYTES, 52);
  header.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  header.writeUInt16LE(2, 56);
  const size = BigInt(HEADER_BYTES + bodyBytes);
  let at = ELF_HEADER_BYTES;
  header.writeUInt32LE(PT_LOAD, at);
  header.writeUInt32LE(READ_EXECUTE, at + 4);
  header.writeBigUInt64LE(BigInt(BASE_ADDRESS), at + 16);
  header.writeBigUInt64LE(BigInt(BASE_ADDRESS), at + 24);
  header.writeBigUInt64LE(size, at + 32);
  header.writeBigUInt64LE(size, at + 40);
  header.writeBigUInt64LE(LARGEST_PAGE_BYTES, at + 48);
  at += PROGRAM_HEADER_BYTES;
  header.writeUInt32LE(PT_GNU_STACK, at);
  header.writeUInt32LE(READ_WRITE, at + 4);
  header.writeBigUInt64LE(16n, at + 48);
  return header;
}
