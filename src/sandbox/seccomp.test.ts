import { describe, expect, test } from 'vitest';
import { DEFAULT_CAPABILITIES } from './capabilities.ts';
import { ALLOWED_GROUPS } from './seccomp-policy.ts';
import { compileSeccomp } from './seccomp-filter.ts';
import { ociSeccomp, resolveSeccomp } from './seccomp.ts';
import { syscallNumbers, type SyscallAbi } from './syscall-numbers.ts';

const policy = resolveSeccomp('amd64', DEFAULT_CAPABILITIES);
const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const AUDIT: Record<SyscallAbi, number> = {
  x86_64: 0xc000003e,
  i386: 0x40000003,
  aarch64: 0xc00000b7,
};

/** Runs a compiled filter on one call, as the kernel would. */
function decide(filter: Buffer, abi: SyscallAbi, number: number, argument = 0n): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(AUDIT[abi], 4);
  data.writeBigUInt64LE(argument, 16);
  let accumulator = 0;
  for (let at = 0; at < filter.length; at += 8) {
    const code = filter.readUInt16LE(at);
    const value = filter.readUInt32LE(at + 4);
    const skip = (holds: boolean): number => 8 * filter.readUInt8(at + (holds ? 2 : 3));
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x15) at += skip(accumulator === value);
    else if (code === 0x35) at += skip(accumulator >= value);
    else if (code === 0x45) at += skip((accumulator & value) !== 0);
    else if (code === 0x05) at += 8 * value;
    else if (code === 0x06) return value;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('the filter has no end');
}

describe('resolveSeccomp()', () => {
  test('gives steps no call that makes namespaces, mounts or loads code into the kernel', () => {
    const refused =
      'add_key bpf fsopen init_module io_uring_setup kexec_load keyctl mount move_mount open_by_handle_at ' +
      'open_tree perf_event_open pivot_root reboot request_key setns settimeofday swapon umount2 unshare userfaultfd';
    for (const name of refused.split(' ')) expect(policy.allowed).not.toContain(name);
    expect(policy.allowed).toContain('chroot');
    expect(policy.missing).toEqual(['clone3']);
  });

  test('allows more with more capabilities', () => {
    const admin = resolveSeccomp('amd64', ['CAP_SYS_ADMIN']);
    expect(admin.allowed).toEqual(expect.arrayContaining(['clone', 'clone3', 'mount', 'unshare']));
    expect(admin.allowed).not.toContain('chroot');
    expect(admin.missing).toEqual([]);
  });

  test('depends on the architecture', () => {
    expect(policy.allowed).toContain('arch_prctl');
    expect(resolveSeccomp('arm64', DEFAULT_CAPABILITIES).allowed).not.toContain('arch_prctl');
  });

  test('names no call twice in one group', () => {
    for (const { names } of ALLOWED_GROUPS) {
      const list = names.split(' ');
      expect(new Set(list).size).toBe(list.length);
    }
  });
});

describe('compileSeccomp()', () => {
  const abis = ['x86_64', 'i386', 'aarch64'] as const;
  const filter = compileSeccomp(policy, abis);

  test.each(abis)('decides about every call of %s as the policy says', (abi) => {
    const names = new Map([...syscallNumbers(abi)].map(([name, number]) => [number, name]));
    for (let number = 0; number < 600; number++) {
      const name = names.get(number) ?? '';
      const isConditional = policy.conditional.some((call) => call.name === name);
      const expected = policy.allowed.includes(name)
        ? ALLOW
        : policy.missing.includes(name)
          ? ENOSYS
          : EPERM;
      if (!isConditional) expect([name, decide(filter, abi, number)]).toEqual([name, expected]);
    }
  });

  test.each<[string, bigint, number]>([
    ['clone', 0x11n, ALLOW],
    ['clone', 0x10000000n, EPERM],
    ['clone', 0x02000000n | 0x11n, EPERM],
    ['socket', 1n, ALLOW],
    ['socket', 2n, ALLOW],
    ['socket', 12n, EPERM],
    ['socket', 16n, ALLOW],
    ['socket', 38n, EPERM],
    ['socket', 40n, EPERM],
    ['socket', 0x1_0000_0001n, EPERM],
    ['personality', 0n, ALLOW],
    ['personality', 0x20008n, ALLOW],
    ['personality', 0xffffffffn, ALLOW],
    ['personality', 4n, EPERM],
  ])('decides about %s(0x%s) by its argument', (name, argument, expected) => {
    const number = syscallNumbers('x86_64').get(name) ?? -1;
    expect(decide(filter, 'x86_64', number, argument)).toBe(expected);
  });

  test('refuses calls of instruction sets that are not listed, and those of x32', () => {
    const native = compileSeccomp(policy, ['x86_64']);
    expect(decide(native, 'i386', 4)).toBe(EPERM);
    expect(decide(native, 'x86_64', 0x40000000)).toBe(EPERM);
  });
});

test('ociSeccomp() looks at the second argument of clone on s390x', () => {
  const rules = ociSeccomp(resolveSeccomp('s390x', DEFAULT_CAPABILITIES)).syscalls;
  expect(rules.find((rule) => rule.names[0] === 'clone')?.args?.[0]?.index).toBe(1);
});
