import type { Output } from './command.ts';
import { badFlagValue } from './errors.ts';

/**
 * Refuses to write an archive to `dest` where it is `-` and standard output is a terminal. `what` is the
 * option, or the command, that names it.
 */
export function refuseTerminal(
  what: string,
  dest: string,
  stdout: Pick<Output, 'isTerminal'>,
): void {
  if (dest !== '-' || !stdout.isTerminal) return;
  const found = 'standard output is a terminal, and archives are not for reading';
  throw badFlagValue(what, dest, found);
}
