import { setPriority } from 'node:os';
import { tidyStore } from '../build/tidy-policy.ts';
import { spawnProcess } from '../host/child-process.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { DEFAULT_GC, readConfigFile } from './config-file.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';

/** The lowest there is: builds go first. */
const PRIORITY = 19;

/** What runs after a build, when it is time, to keep the store within its bound. Not started by people. */
export const tidy = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Keep the store within its bound. Started by "stagecraft build"',
  flags: { root: ROOT_FLAG },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    setPriority(PRIORITY);
    await using store = openCommandStore(flags.root, context);
    const { gc = DEFAULT_GC } = readConfigFile(context);
    if (gc.isEnabled) await tidyStore(store, gc, context.now(), context.signal);
    return 0;
  },
});

/** Starts that beside this process, which need not wait for it. It inherits the user namespace. */
export function startTidying(root: string, context: CommandContext): void {
  const [program, ...words] = context.program;
  const env = Object.fromEntries(
    Object.entries(context.env).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    ),
  );
  const running = spawnProcess(
    {
      program,
      args: [...words, 'internal-tidy', '--root', root],
      env,
      // The directory of the build may be wanted for something else by then.
      cwd: '/',
      stdio: 'none',
      isDetached: true,
    },
    new AbortController().signal,
  );
  // A host that cannot start it now will be asked again after another build.
  running.ended.catch(() => undefined);
  running.leave();
}
