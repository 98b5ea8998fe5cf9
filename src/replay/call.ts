import { USER_NAMESPACE_VARIABLE } from '../host/current-user-namespace.ts';

/** A command as it was called: everything about it that can be read from inside of the program. */
export interface Call {
  /** Node, the program and the words after it. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Holds, for the process that an ordinary user's command starts anew, what its variables were outside. */
const CALLER_VARIABLE = 'STAGECRAFT_CALLER';
/** What that start changes (cli/rootless.ts, host/user-namespace.ts). */
const CHANGED = ['HOME', 'PATH', 'STAGECRAFT_ROOT'] as const;
const ADDED = [CALLER_VARIABLE, USER_NAMESPACE_VARIABLE, 'STAGECRAFT_HOST_UID'] as const;
/** Shells set these anew for each command. */
const FLEETING: readonly string[] = ['_', 'OLDPWD', 'SHLVL'];

/** The variable that tells a process started anew what its caller's variables were, and its value. */
export function callerVariable(env: Call['env']): Readonly<Record<string, string>> {
  const changed = Object.fromEntries(CHANGED.map((name) => [name, env[name] ?? null]));
  return { [CALLER_VARIABLE]: JSON.stringify(changed) };
}

/**
 * The same 32 hex digits for the same call, and for the process that it starts anew in a user namespace. Other
 * calls have others: by chance two of them meet once in 2^64. The environment, which may hold what is
 * secret, cannot be read from it.
 */
export function callId({ argv, cwd, env }: Call): string {
  const outside = { ...env, ...callerVariables(env) };
  const without = new Set<string>([...FLEETING, ...ADDED]);
  const variables = Object.entries(outside).filter(
    ([name, value]) => value !== undefined && !without.has(name),
  );
  return hash128(JSON.stringify([process.version, argv, cwd, variables.sort(byName)]));
}

function callerVariables(env: Call['env']): Record<string, string | undefined> {
  const text = env[USER_NAMESPACE_VARIABLE] === undefined ? undefined : env[CALLER_VARIABLE];
  if (text === undefined) return {};
  try {
    const changed = JSON.parse(text) as Record<string, string | null>;
    return Object.fromEntries(CHANGED.map((name) => [name, changed[name] ?? undefined]));
  } catch {
    // Nobody but us sets it: then this is a call like any other.
    return {};
  }
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** Odd numbers without a pattern in their bits. */
const MULTIPLIERS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const;

/**
 * Four lanes that each take every word of 32 bits, and mix at the end. Not for adversaries: node:crypto, which has
 * hashes for those, takes longer to load than all that a replay does with it. Written out, as it runs once.
 */
function hash128(text: string): string {
  const bytes = Buffer.from(text);
  const words = new Uint32Array(Math.ceil(bytes.length / 4) + 1);
  bytes.copy(new Uint8Array(words.buffer));
  words[words.length - 1] = bytes.length;
  let [a, b, c, d]: [number, number, number, number] = [...MULTIPLIERS];
  for (const word of words) {
    a = mixed(a ^ word, MULTIPLIERS[0]);
    b = mixed(b ^ word, MULTIPLIERS[1]);
    c = mixed(c ^ word, MULTIPLIERS[2]);
    d = mixed(d ^ word, MULTIPLIERS[3]);
  }
  for (const multiplier of MULTIPLIERS) {
    a = mixed(a ^ d, multiplier);
    b = mixed(b ^ a, multiplier);
    c = mixed(c ^ b, multiplier);
    d = mixed(d ^ c, multiplier);
  }
  return [a, b, c, d].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Every bit of the result depends on those below it, and through the shift on those above. */
function mixed(word: number, multiplier: number): number {
  const product = Math.imul(word, multiplier);
  return product ^ (product >>> 15);
}
