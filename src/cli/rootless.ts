import { userInfo } from 'node:os';
import { callerVariable } from '../replay/call.ts';
import { currentUserNamespace } from '../host/current-user-namespace.ts';
import { hasCapability } from '../host/own-capabilities.ts';
import type { CommandContext } from './command.ts';
import { HOST_UID_VARIABLE } from './user-identity.ts';

/**
 * For commands that mount or change files of other users. Root, and who is in a user namespace of ours
 * already, goes on; for an ordinary user the program starts anew as root of one, and this does not return.
 * The store and the configuration stay the user's. Root that may not mount, as in a container, becomes
 * root of a namespace where that can be had, and else goes on: much can be built without.
 * @throws BuildError USER_NAMESPACE_DENIED
 */
export async function becomeRoot(context: CommandContext, root: string): Promise<void> {
  if (context.uid === 0) {
    if (mayMount() || currentUserNamespace(context.env) !== undefined) return;
    const { enterContainerNamespace } = await import('../sandbox/enter-container-namespace.ts');
    const anew = {
      ...context.env,
      HOME: context.homeDir,
      STAGECRAFT_ROOT: root,
      [HOST_UID_VARIABLE]: '0',
      ...callerVariable(process.env),
    };
    enterContainerNamespace([...context.program, ...context.argv], anew);
    return;
  }
  // Starting programs is heavy to load, and root has no need of it.
  const { enterUserNamespace } = await import('../host/user-namespace.ts');
  const env = {
    ...context.env,
    // Inside, the user's name and thus a home that is not in the environment would be those of root.
    HOME: context.homeDir,
    STAGECRAFT_ROOT: root,
    [HOST_UID_VARIABLE]: String(context.uid),
    ...callerVariable(process.env),
  };
  enterUserNamespace([...context.program, ...context.argv], env, userName(), context.uid);
}

/** CAP_NET_ADMIN is for the networks of steps. */
function mayMount(): boolean {
  return hasCapability('sysAdmin') && hasCapability('netAdmin');
}

/** Empty for a user without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
