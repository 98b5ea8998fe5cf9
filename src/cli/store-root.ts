import { isAbsolute, join, resolve } from 'node:path';
import type { ConfigFile } from './config-file.ts';
import { isRootUser, type UserIdentity } from './user-identity.ts';

/**
 * Directory of the store, absolute: `--root`, else STAGECRAFT_ROOT, else the configuration file, else
 * /var/lib/stagecraft for root and the data directory of an ordinary user (XDG base directories).
 */
export function storeRoot(
  flag: string | undefined,
  config: Pick<ConfigFile, 'root'>,
  user: UserIdentity & { readonly cwd: string },
): string {
  const named = [flag, user.env['STAGECRAFT_ROOT'], config.root].find(
    (path) => path !== undefined && path !== '',
  );
  if (named !== undefined) return resolve(user.cwd, named);
  if (isRootUser(user)) return '/var/lib/stagecraft';
  const base = user.env['XDG_DATA_HOME'];
  const directory =
    base === undefined || !isAbsolute(base) ? join(user.homeDir, '.local', 'share') : base;
  return join(directory, 'stagecraft');
}
