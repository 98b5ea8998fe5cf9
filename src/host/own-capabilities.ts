import { readFileSync } from 'node:fs';

/** Bits of the sets that the kernel shows in /proc/PID/status (linux/capability.h). */
const BITS = { setgid: 6, setuid: 7, netAdmin: 12, sysAdmin: 21 } as const;

/**
 * Whether this process has a capability at this moment. Root of a container mostly lacks some.
 * False where /proc is not mounted.
 */
export function hasCapability(name: keyof typeof BITS): boolean {
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'latin1');
  } catch {
    return false;
  }
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return (effective & (1n << BigInt(BITS[name]))) !== 0n;
}
