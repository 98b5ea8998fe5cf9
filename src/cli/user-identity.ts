import { currentUserNamespace } from '../host/current-user-namespace.ts';

/** Who runs the command, for everything that differs between root and ordinary users. */
export interface UserIdentity {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As this process has it: 0 inside a user namespace of ours. */
  readonly uid: number;
  readonly homeDir: string;
}

/** The user's id outside, for the process that runs as root of a namespace of ours. */
export const HOST_UID_VARIABLE = 'STAGECRAFT_HOST_UID';

/** True for root of the host; false for ordinary users, also when they are root of their namespace. */
export function isRootUser({ env, uid }: UserIdentity): boolean {
  return hostUserId(env, uid) === 0;
}

/** True when an ordinary user's command started itself anew: what was to be said first has been said. */
export function isStartedAnew(env: Readonly<Record<string, string | undefined>>): boolean {
  return currentUserNamespace(env) !== undefined && env[HOST_UID_VARIABLE] !== undefined;
}

/** The id that the user has on the host. */
export function hostUserId(env: Readonly<Record<string, string | undefined>>, uid: number): number {
  const outside = env[HOST_UID_VARIABLE];
  const isInside = currentUserNamespace(env) !== undefined;
  return isInside && outside !== undefined && /^\d+$/.test(outside) ? Number(outside) : uid;
}
