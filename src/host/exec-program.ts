import { declareNative, nativePath } from './ffi.ts';

const execveCall = declareNative('execve', ['void *', 'const char **', 'const char **']);
const fcntlCall = declareNative('fcntl', ['int', 'int', 'int']);
const F_SETFD = 2;

/**
 * Replaces this process by another program, which keeps its pid, standard streams and terminal. All
 * other descriptors but those in `keeps` are closed on the way, as Node opens them with CLOEXEC.
 * Does not return. @throws SystemError when the program cannot be started.
 */
export function execProgram(
  path: string,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  keeps: readonly number[] = [],
): never {
  const entries = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  // Node marks even the standard streams as not to be inherited.
  for (const fd of [0, 1, 2, ...keeps]) fcntlCall(undefined, [fd, F_SETFD, 0]);
  execveCall(path, [nativePath(Buffer.from(path)), [...argv, null], [...entries, null]]);
  throw new Error(`execve of ${path} returned`);
}
