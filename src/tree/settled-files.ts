import { statfsSync, statSync } from 'node:fs';

/**
 * Which files have settled: one that is written to from now on gets another time stamp. One that was touched
 * within the same tick of the clock may change once more and look the same (git calls such files racy).
 */
export interface SettledFiles {
  /** `touchedNs`: when a file was touched last, mtime or ctime, in nanoseconds since 1970. `dev`: its device. */
  has(touchedNs: bigint, dev: number): boolean;
  /** True where the kernel of this machine dates the files by its own clock, to the tick. `dev`: their device. */
  isFine(dev: number): boolean;
}

/** The kernel's clock for files ticks every 10 ms at most on these, which keep what it says. */
const FINE_TICK_NS = 50_000_000n;
/** FAT keeps 2 seconds. A server of files has a clock of its own. */
const COARSE_TICK_NS = 2_000_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** statfs(2): ext2/3/4, xfs, btrfs, tmpfs, f2fs, overlayfs. */
const FINE_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x794c7630,
]);

/**
 * The settled files of a directory, as seen by whoever looks at them after `nowNs`. Nothing is settled for
 * long where the directory cannot be looked at.
 */
export function settledFiles(directory: string, nowNs: bigint): SettledFiles {
  // Asked when something was read: an unchanged context needs no answer.
  let fine: { readonly device: number | undefined } | undefined;
  const isFine = (dev: number): boolean => {
    fine ??= { device: deviceOfFineFileSystem(directory) };
    return dev === fine.device;
  };
  return {
    isFine,
    has(touchedNs, dev) {
      // Old ext file systems have the digits of whole seconds alone.
      const isExact = isFine(dev) && touchedNs % NS_PER_SECOND !== 0n;
      return touchedNs <= nowNs - (isExact ? FINE_TICK_NS : COARSE_TICK_NS);
    },
  };
}

function deviceOfFineFileSystem(directory: string): number | undefined {
  try {
    return FINE_FILE_SYSTEMS.has(statfsSync(directory).type) ? statSync(directory).dev : undefined;
  } catch {
    // Whoever reads there says why it cannot be.
    return undefined;
  }
}
