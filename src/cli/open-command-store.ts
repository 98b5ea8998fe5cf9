import { openStore, type Store } from '../build/open-store.ts';
import type { CommandContext } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { textFlag } from './flag-table.ts';
import { storeRoot } from './store-root.ts';

/** The flag that every command with a store has. */
export const ROOT_FLAG = textFlag('PATH', 'Directory of the store');

/** The store that a command works on. @throws BuildError CONFIG_INVALID, STORE_UNUSABLE */
export function openCommandStore(rootFlag: string | undefined, context: CommandContext): Store {
  return openStore(commandRoot(rootFlag, context), context.uid);
}

/** Directory of that store. */
export function commandRoot(rootFlag: string | undefined, context: CommandContext): string {
  return storeRoot(rootFlag, readConfigFile(context), context);
}
