/** PATH of a process whose image sets none. The same as Docker's and BuildKit's on Linux. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface DefaultEnvOptions {
  /** `NAME=value` from image and Dockerfile, in order; a later one of the same name wins. */
  readonly env: readonly string[];
  /** The user's home directory. */
  readonly home: string;
  readonly isTerminal: boolean;
}

/**
 * The whole environment of a process: what the image gives, each name once at its first place, then
 * PATH, HOME and, on a terminal, TERM where the image does not set them. Nothing comes from the host.
 */
export function completeEnv(options: DefaultEnvOptions): readonly string[] {
  const values = new Map<string, string>();
  for (const entry of options.env) {
    const equals = entry.indexOf('=');
    if (equals > 0) values.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  if (!values.has('PATH')) values.set('PATH', DEFAULT_PATH);
  if (!values.has('HOME')) values.set('HOME', options.home);
  if (options.isTerminal && !values.has('TERM')) values.set('TERM', 'xterm');
  return [...values].map(([name, value]) => `${name}=${value}`);
}
