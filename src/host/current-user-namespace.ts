/** Set in the environment of the process that runs inside: which ids it has. */
export const USER_NAMESPACE_VARIABLE = 'STAGECRAFT_USER_NAMESPACE';

/** `subordinate`: the ids of /etc/subuid and /etc/subgid; `single`: the user's own id as root alone. */
export type UserNamespaceIds = 'subordinate' | 'single';

/** What this process was started as, when it runs inside a namespace of our making. */
export function currentUserNamespace(
  env: Readonly<Record<string, string | undefined>>,
): UserNamespaceIds | undefined {
  const value = env[USER_NAMESPACE_VARIABLE];
  return value === 'subordinate' || value === 'single' ? value : undefined;
}
