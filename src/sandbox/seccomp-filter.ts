import type { LauncherArchitecture } from './launcher/machine-code.ts';
import type { ResolvedSeccomp } from './seccomp.ts';
import type { ArgumentTest } from './seccomp-policy.ts';
import { syscallNumbers, type SyscallAbi } from './syscall-numbers.ts';

/**
 * Compiles the policy to the classic BPF program that seccomp(2) takes, for where no runtime does it
 * with libseccomp. Programs of all listed instruction sets may run; calls of others fail with EPERM.
 *
 * Allowed numbers become few ranges that are tested in rising order; what falls between two ranges is
 * refused. Jumps stay within a range's own four instructions, as they reach 255 at most.
 */
export function compileSeccomp(policy: ResolvedSeccomp, abis: readonly SyscallAbi[]): Buffer {
  const program: Instruction[] = [load(OFFSET_ARCHITECTURE)];
  for (const abi of abis) {
    const section = abiSection(policy, abi);
    program.push(...skipUnless(JEQ, AUDIT_ARCHITECTURES[abi], section));
  }
  program.push(refuse(EPERM));
  if (program.length > MAX_INSTRUCTIONS) throw new RangeError('The seccomp policy is too long');
  return encode(program);
}

/**
 * What programs may run on a processor: its own, and those of its 32-bit predecessor. Calls of 32-bit
 * Arm are refused, as there is no table of them here.
 */
export const FILTER_ABIS: Readonly<Record<LauncherArchitecture, readonly SyscallAbi[]>> = {
  x64: ['x86_64', 'i386'],
  arm64: ['aarch64'],
};

/** One instruction of linux/filter.h. */
interface Instruction {
  readonly code: number;
  readonly whenTrue: number;
  readonly whenFalse: number;
  readonly value: number;
}

/** BPF_MAXINSNS. */
const MAX_INSTRUCTIONS = 4096;

/** Codes of linux/bpf_common.h: load a word, jump if equal, jump if greater or equal, jump if a bit is set, jump, return. */
const LD = 0x20;
const JEQ = 0x15;
const JGE = 0x35;
const JSET = 0x45;
const JA = 0x05;
const RET = 0x06;

/** Fields of struct seccomp_data (linux/seccomp.h); arguments are 64 bits, low half first. */
const OFFSET_NUMBER = 0;
const OFFSET_ARCHITECTURE = 4;
const OFFSET_ARGUMENT_LOW = 16;
const OFFSET_ARGUMENT_HIGH = 20;

/** linux/audit.h. */
const AUDIT_ARCHITECTURES: Readonly<Record<SyscallAbi, number>> = {
  x86_64: 0xc000003e,
  i386: 0x40000003,
  aarch64: 0xc00000b7,
};

const ALLOW = 0x7fff0000;
const ERRNO = 0x00050000;
const EPERM = 1;
const ENOSYS = 38;

function abiSection(policy: ResolvedSeccomp, abi: SyscallAbi): Instruction[] {
  const numbers = syscallNumbers(abi);
  const known = (names: readonly string[]): number[] =>
    names.flatMap((name) => numbers.get(name) ?? []);
  const section = [load(OFFSET_NUMBER)];
  for (const { name, anyOf } of policy.conditional) {
    const tests = [...anyOf.flatMap(allowIf), refuse(EPERM)];
    for (const number of known([name])) section.push(...skipUnless(JEQ, number, tests));
  }
  for (const number of known(policy.missing)) {
    section.push(...skipUnless(JEQ, number, [refuse(ENOSYS)]));
  }
  for (const [first, last] of ranges(known(policy.allowed))) {
    section.push(
      { code: JGE, whenTrue: 1, whenFalse: 0, value: first },
      refuse(EPERM),
      { code: JGE, whenTrue: 1, whenFalse: 0, value: last + 1 },
      allow(),
    );
  }
  section.push(refuse(EPERM));
  return section;
}

/** `body`, entered only when the accumulator passes the test. A long one needs an unconditional jump around it. */
function skipUnless(code: number, value: number, body: readonly Instruction[]): Instruction[] {
  return [
    { code, whenTrue: 1, whenFalse: 0, value },
    { code: JA, whenTrue: 0, whenFalse: 0, value: body.length },
    ...body,
  ];
}

/** Allows when the first argument passes. All 64 bits count, as in libseccomp. */
function allowIf(test: ArgumentTest): Instruction[] {
  const low = load(OFFSET_ARGUMENT_LOW);
  if (test.kind === 'has-none-of') {
    return [low, { code: JSET, whenTrue: 1, whenFalse: 0, value: test.mask }, allow()];
  }
  const high = [load(OFFSET_ARGUMENT_HIGH), { code: JEQ, whenTrue: 0, whenFalse: 3, value: 0 }];
  return test.kind === 'equals'
    ? [...high, low, { code: JEQ, whenTrue: 0, whenFalse: 1, value: test.value }, allow()]
    : [...high, low, { code: JGE, whenTrue: 1, whenFalse: 0, value: test.value }, allow()];
}

function load(offset: number): Instruction {
  return { code: LD, whenTrue: 0, whenFalse: 0, value: offset };
}

function allow(): Instruction {
  return { code: RET, whenTrue: 0, whenFalse: 0, value: ALLOW };
}

function refuse(errno: number): Instruction {
  return { code: RET, whenTrue: 0, whenFalse: 0, value: ERRNO | errno };
}

function ranges(numbers: readonly number[]): [first: number, last: number][] {
  const found: [number, number][] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found;
}

/** struct sock_filter, as the little-endian machines that there are launchers for have it. */
function encode(program: readonly Instruction[]): Buffer {
  const words = new Uint32Array(program.length * 2);
  for (const [index, { code, whenTrue, whenFalse, value }] of program.entries()) {
    words[2 * index] = code | (whenTrue << 16) | (whenFalse << 24);
    words[2 * index + 1] = value;
  }
  return Buffer.from(words.buffer);
}
