import { compareBytes } from '../core/bytes.ts';
import type { Capability } from './capabilities.ts';
import {
  ALLOWED_CALLS,
  ALLOWED_GROUPS,
  MISSING_CALLS,
  type ArgumentTest,
} from './seccomp-policy.ts';

/** The policy for one architecture and one set of capabilities. */
export interface ResolvedSeccomp {
  /** GOARCH. */
  readonly architecture: string;
  /** In byte order, without those of `conditional`. */
  readonly allowed: readonly string[];
  readonly conditional: readonly {
    readonly name: string;
    readonly anyOf: readonly ArgumentTest[];
  }[];
  /** These fail with ENOSYS; all that are named nowhere fail with EPERM. */
  readonly missing: readonly string[];
}

/** Picks what a process with this bounding set may call on this architecture (GOARCH). */
export function resolveSeccomp(
  architecture: string,
  capabilities: readonly Capability[],
): ResolvedSeccomp {
  const has = (capability: Capability | undefined): boolean =>
    capability !== undefined && capabilities.includes(capability);
  const groups = ALLOWED_GROUPS.filter(
    (group) =>
      (group.needs === undefined || has(group.needs)) &&
      (group.architectures === undefined || group.architectures.includes(architecture)),
  );
  return {
    architecture,
    allowed: [...new Set(groups.flatMap((group) => group.names.split(' ')))].sort(compareBytes),
    conditional: ALLOWED_CALLS.filter((call) => !has(call.unless)),
    missing: MISSING_CALLS.filter((call) => !has(call.unless)).map((call) => call.name),
  };
}

/** `linux.seccomp` of an OCI runtime configuration (runtime-spec config-linux.md). */
export interface OciSeccomp {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly OciSyscallRule[];
}

interface OciSyscallRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly OciSyscallArgument[];
}

interface OciSyscallArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_LT' | 'SCMP_CMP_MASKED_EQ';
}

const EPERM = 1;
const ENOSYS = 38;

/** A 64-bit processor also runs the programs of its 32-bit predecessor. */
const OCI_ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  amd64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  '386': ['SCMP_ARCH_X86'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
  arm: ['SCMP_ARCH_ARM'],
  riscv64: ['SCMP_ARCH_RISCV64'],
  s390x: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'],
  ppc64le: ['SCMP_ARCH_PPC64LE'],
  loong64: ['SCMP_ARCH_LOONGARCH64'],
};

/** Writes the policy the way runc and crun read it. They compile it with libseccomp. */
export function ociSeccomp(policy: ResolvedSeccomp): OciSeccomp {
  // s390 swaps the first two arguments of clone (clone(2), "C library/kernel differences").
  const cloneFlags = policy.architecture === 's390x' ? 1 : 0;
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: OCI_ARCHITECTURES[policy.architecture] ?? [],
    syscalls: [
      { names: policy.allowed, action: 'SCMP_ACT_ALLOW' },
      // Tests of one rule must all pass; several rules for one call are alternatives.
      ...policy.conditional.flatMap(({ name, anyOf }) =>
        anyOf.map((test) => ({
          names: [name],
          action: 'SCMP_ACT_ALLOW' as const,
          args: [ociArgument(test, name === 'clone' ? cloneFlags : 0)],
        })),
      ),
      ...policy.missing.map((name) => ({
        names: [name],
        action: 'SCMP_ACT_ERRNO' as const,
        errnoRet: ENOSYS,
      })),
    ],
  };
}

function ociArgument(test: ArgumentTest, index: number): OciSyscallArgument {
  switch (test.kind) {
    case 'equals':
      return { index, value: test.value, op: 'SCMP_CMP_EQ' };
    case 'below':
      return { index, value: test.value, op: 'SCMP_CMP_LT' };
    case 'has-none-of':
      return { index, value: test.mask, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' };
    default:
      return test satisfies never;
  }
}
