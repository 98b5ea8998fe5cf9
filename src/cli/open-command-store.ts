import { openStore, type Store } from '../build/open-store.ts';
import type { CommandContext } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { textFlag } from './flag-table.ts';
import { readMountChoice } from './mount-choice.ts';
import { storeRoot } from './store-root.ts';

/** The flag that every command with a store has. */
export const ROOT_FLAG = textFlag('PATH', 'Directory of the store');

/** The store that a command works on. @throws BuildError CONFIG_INVALID, STORE_UNUSABLE */
export function openCommandStore(rootFlag: string | undefined, context: CommandContext): Store {
  const config = readConfigFile(context);
  return openStore(storeRoot(rootFlag, config, context), context.uid, {
    mounting: readMountChoice(undefined, config, context.env),
    onFallback: (reason) => {
      context.stderr.write(`Files are copied, which takes time and room: ${reason}\n`);
    },
  });
}

/** Directory of that store. */
export function commandRoot(rootFlag: string | undefined, context: CommandContext): string {
  return storeRoot(rootFlag, readConfigFile(context), context);
}
