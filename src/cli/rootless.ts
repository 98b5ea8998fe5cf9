import { userInfo } from 'node:os';
import type { CommandContext } from './command.ts';
import { HOST_UID_VARIABLE } from './user-identity.ts';

/**
 * For commands that mount or change files of other users. Root, and who is in a user namespace of ours
 * already, goes on; for an ordinary user the program starts anew as root of one, and this does not return.
 * The store and the configuration stay the user's.
 * @throws BuildError USER_NAMESPACE_DENIED
 */
export async function becomeRoot(context: CommandContext, root: string): Promise<void> {
  if (context.uid === 0) return;
  // Starting programs is heavy to load, and root has no need of it.
  const { enterUserNamespace } = await import('../host/user-namespace.ts');
  const env = {
    ...context.env,
    STAGECRAFT_ROOT: root,
    [HOST_UID_VARIABLE]: String(context.uid),
  };
  enterUserNamespace([...context.program, ...context.argv], env, userName(), context.uid);
}

/** Empty for a user without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
