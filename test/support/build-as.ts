import { chownSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandOptions, CommandResult, Rig, RunningCommand } from './cli.ts';
import { installProgram } from './installed-program.ts';
import { makeOrdinaryUser } from './ordinary-user.ts';
import { PROGRAM } from './program.ts';

/** Whom tests run the program as. */
export const BUILDERS = ['root', 'an ordinary user'] as const;

/** The program, run in a rig by one user, who is gone at the end of its scope. */
export interface BuildAs extends Disposable {
  readonly uid: number;
  /** The program with what makes it run as that user. */
  readonly command: readonly [string, ...string[]];
  start(words: readonly string[], options?: CommandOptions): RunningCommand;
  run(words: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

/** Runs the program of `rig` as one of BUILDERS. The store is that user's afterwards. Only for root. */
export function buildAs(who: (typeof BUILDERS)[number], rig: Rig): BuildAs {
  if (who === 'root') return builder(rig, 0, [PROGRAM], () => undefined);
  const home = join(rig.dir, 'home');
  const user = makeOrdinaryUser(home);
  for (const dir of [home, rig.dir]) chownSync(dir, user.uid, user.uid);
  const program = installProgram(join(rig.dir, 'installed'));
  return builder(rig, user.uid, [...user.prefix, program], () => {
    user[Symbol.dispose]();
  });
}

function builder(
  rig: Rig,
  uid: number,
  command: readonly [string, ...string[]],
  dispose: () => void,
): BuildAs {
  const [program, ...before] = command;
  return {
    ...{ uid, command },
    start: (words, options) => rig.start([...before, ...words], { ...options, program }),
    run: (words, options) => rig.run([...before, ...words], { ...options, program }),
    [Symbol.dispose]: dispose,
  };
}
