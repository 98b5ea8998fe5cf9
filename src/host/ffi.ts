import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { type BytePath, fsPath } from '../core/bytes.ts';

/**
 * The way to C functions that Node does not offer: koffi, loaded at the first call.
 *
 * A cached build needs none of it. Loading the native file directly costs 1.5 ms where the package's
 * own entry costs 8 ms, so that is tried first.
 */

/** What a system call failed with: `code` as in `node:fs` errors ("ENOENT"). */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;
  readonly syscall: string;
  /** The path that the call was about, for messages. */
  readonly path: string | undefined;

  constructor(code: string, syscall: string, pathText: string | undefined) {
    super(pathText === undefined ? `${code}: ${syscall}` : `${code}: ${syscall} '${pathText}'`);
    this.code = code;
    this.syscall = syscall;
    this.path = pathText;
  }
}

/** A path for a C function: bytes (`BytePath` values and ordinary ASCII) or ready-made bytes. */
export type NativePath = BytePath | string | Buffer;

/**
 * What the functions declared here take. `Buffer` is a pointer to its first byte, `null` a null pointer;
 * an array of strings (UTF-8) ends with a null.
 */
export type NativeArgument = number | bigint | Buffer | null | readonly (string | null)[];
type NativeType = 'int' | 'uint' | 'long' | 'ulong' | 'void *' | 'const char **';
interface NativeFunction {
  (...values: NativeArgument[]): number;
  /** Makes the call in another thread. */
  async(...values: [...NativeArgument[], (error: Error | null, result: number) => void]): void;
}

/** A library of this host whose functions can be declared. */
export interface NativeLibrary {
  func(name: string, result: NativeType, values: NativeType[]): NativeFunction;
}

interface Koffi {
  load(library: string | null): NativeLibrary;
  errno(): number;
}

let loaded: { koffi: Koffi; library: ReturnType<Koffi['load']> } | undefined;

/**
 * Declares a libc function that reports failure as -1 and errno. Nothing is loaded before the first call.
 *
 *     const umount2 = declareNative('umount2', ['void *', 'int']);
 *     umount2(path, [nativePath(path), 0]);
 *
 * The returned function throws `SystemError`; it retries on EINTR.
 */
export function declareNative(
  name: string,
  values: NativeType[],
  result: 'int' | 'long' = 'int',
): (about: NativePath | undefined, args: NativeArgument[], syscall?: string) => number {
  const call = lazyFunction(name, values, result);
  return (about, args, syscall = name) => {
    for (;;) {
      const value = call()(...args);
      if (value !== -1) return value;
      const code = errnoName(loadedLibrary().koffi.errno());
      if (code === 'EINTR') continue;
      throw new SystemError(code, syscall, about === undefined ? undefined : pathText(about));
    }
  };
}

/**
 * As `declareNative`, for calls that often fail in ways that are an answer: those with one of `answers` give
 * undefined. Making an error takes longer than most calls.
 */
export function declareAnsweringNative(
  name: string,
  values: NativeType[],
  result: 'int' | 'long',
  answers: readonly string[],
): (about: NativePath, args: NativeArgument[]) => number | undefined {
  const call = lazyFunction(name, values, result);
  return (about, args) => {
    for (;;) {
      const value = call()(...args);
      if (value !== -1) return value;
      const code = errnoName(loadedLibrary().koffi.errno());
      if (answers.includes(code)) return undefined;
      if (code !== 'EINTR') throw new SystemError(code, name, pathText(about));
    }
  };
}

/**
 * As `declareNative`, for calls that wait long: they are made in another thread. The reason of a failure
 * stays in that thread, so a call that failed is made again in this one, to fail with its reason.
 */
export function declareBackgroundNative(
  name: string,
  values: NativeType[],
): (args: NativeArgument[]) => Promise<void> {
  const call = lazyFunction(name, values, 'int');
  const again = declareNative(name, values);
  return async (args) => {
    const value = await new Promise<number>((resolve, reject) => {
      call().async(...args, (error, result) => {
        if (error === null) resolve(result);
        else reject(error);
      });
    });
    if (value === -1) again(undefined, args);
  };
}

function lazyFunction(
  name: string,
  values: NativeType[],
  result: 'int' | 'long',
): () => NativeFunction {
  let call: NativeFunction | undefined;
  return () => (call ??= loadedLibrary().library.func(name, result, values));
}

function loadedLibrary(): { koffi: Koffi; library: ReturnType<Koffi['load']> } {
  return (loaded ??= loadLibrary());
}

/** Path bytes with the terminating NUL. @throws SystemError EINVAL when the path holds a NUL itself. */
export function nativePath(value: NativePath): Buffer {
  if (value.includes('\0')) throw new SystemError('EINVAL', 'path', pathText(value));
  if (typeof value !== 'string') return Buffer.concat([value, NUL]);
  // Chars up to 0xff are bytes, as in `BytePath`; a string with other chars is ordinary text.
  return Buffer.from(`${value}\0`, /[^\0-\xff]/.test(value) ? 'utf8' : 'latin1');
}

const NUL = Buffer.alloc(1);

function pathText(value: NativePath): string {
  return typeof value === 'string' ? String(fsPath(value as BytePath)) : value.toString('utf8');
}

let errnoNames: Map<number, string> | undefined;

function errnoName(errno: number): string {
  errnoNames ??= new Map([
    ...Object.entries(constants.errno).map(([name, value]): [number, string] => [value, name]),
    // Two names for one number each, and three that Node does not list.
    [constants.errno.EAGAIN, 'EAGAIN'],
    [constants.errno.EOPNOTSUPP, 'ENOTSUP'],
    [87, 'EUSERS'],
    [117, 'EUCLEAN'],
    [130, 'EOWNERDEAD'],
  ]);
  return errnoNames.get(errno) ?? `ERRNO_${errno}`;
}

/** Loads the first library of these names that this host has; undefined when it has none. */
export function loadNativeLibrary(names: readonly string[]): NativeLibrary | undefined {
  const { koffi } = (loaded ??= loadLibrary());
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch {
      // Not installed under this name.
      continue;
    }
  }
  return undefined;
}

function loadLibrary(): { koffi: Koffi; library: ReturnType<Koffi['load']> } {
  // The published program is one CommonJS file, where import.meta.url does not exist.
  const require = createRequire(typeof __filename === 'string' ? __filename : import.meta.url);
  const koffi = loadDirectly(require) ?? (require('koffi') as Koffi);
  return { koffi, library: koffi.load(null) };
}

function loadDirectly(require: NodeJS.Require): Koffi | undefined {
  const packageName = `@koromix/koffi-linux-${process.arch}`;
  for (const libc of ['linux', 'musl']) {
    try {
      const folder = path.dirname(require.resolve(`${packageName}/package.json`));
      const native = { exports: {} };
      process.dlopen(native, path.join(folder, `${libc}_${process.arch}`, 'koffi.node'));
      return native.exports as Koffi;
    } catch {
      // Another libc, or another layout of the package: koffi's own entry knows how to find it.
      continue;
    }
  }
  return undefined;
}
