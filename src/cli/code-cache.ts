import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { readUserCache, shortHash, writeUserCache } from './user-cache.ts';

/** What a compiled program was made from. Any difference, and it is compiled again. */
export interface ProgramIdentity {
  /** Changes with the text of the program: V8 itself compares no more than its length. */
  readonly build: string;
  /** Our directory in the user's cache (user-cache.ts); undefined keeps nothing. */
  readonly cacheDirectory: string | undefined;
}

/** Larger than any compiled program of ours; what is larger is not read. In bytes. */
const MAX_CACHE_BYTES = 64 * 2 ** 20;
/** How many compiled programs are kept, 2 MB each. */
const MAX_KEPT = 8;
/** Commands whose end is a good moment to keep the compiled form: they used most of the program. */
const THOROUGH_COMMANDS: ReadonlySet<string> = new Set(['build', 'buildx']);

/**
 * Runs a file of ours that is one function, in the form that CommonJS gives to modules, like `require`
 * runs those; but takes its compiled form from the user's cache directory: compiling the program is a third
 * of what a cached build takes. The first build keeps it. A cache that is missing, damaged, of another Node
 * or not ours alone is not used. Returns what the file exports.
 *
 * Node 22 has `module.enableCompileCache` for this; Node 20 has not.
 */
export function runProgram(path: string, { build, cacheDirectory }: ProgramIdentity): object {
  const { text, stamp } = readProgram(path);
  const key = `${build} ${stamp} ${path}`;
  const cache = cacheDirectory === undefined ? undefined : join(cacheDirectory, cacheName(path));
  const cachedData = cache === undefined ? undefined : readCache(cache, key);
  const script = new Script(text, {
    filename: path,
    ...(cachedData !== undefined && { cachedData }),
  });
  const isKept = cachedData !== undefined && script.cachedDataRejected === false;
  if (cache !== undefined && !isKept && THOROUGH_COMMANDS.has(process.argv[2] ?? '')) {
    process.once('exit', (status) => {
      if (status !== 0) return;
      const data = Buffer.concat([script.createCachedData(), Buffer.from(key)]);
      writeUserCache(cache, data, { prefix: PREFIX, maxKept: MAX_KEPT });
    });
  }
  const module = { exports: {} };
  const run = script.runInThisContext() as ProgramFunction;
  run(module.exports, createRequire(path), module, path, dirname(path));
  return module.exports;
}

type ProgramFunction = (
  exports: object,
  require: NodeJS.Require,
  module: { exports: object },
  filename: string,
  dirname: string,
) => void;

/** The bundle has ASCII only (scripts/build.mjs), which V8 takes as it is. */
function readProgram(path: string): { text: string; stamp: string } {
  const file = openSync(path, 'r');
  try {
    const { size, mtimeMs } = fstatSync(file);
    return { text: readFileSync(file, 'latin1'), stamp: `${size} ${mtimeMs}` };
  } finally {
    closeSync(file);
  }
}

/** One file for each program and Node, so that two installations do not replace each other's. */
function cacheName(program: string): string {
  return `${PREFIX}${shortHash(program)}-${process.version}-${process.arch}.bin`;
}

const PREFIX = 'program-';

/** The compiled program; what follows it in the file is the key it was made for. */
function readCache(path: string, key: string): Buffer | undefined {
  const bytes = readUserCache(path, MAX_CACHE_BYTES);
  if (bytes === undefined) return undefined;
  const end = bytes.length - Buffer.byteLength(key);
  return end > 0 && bytes.toString('utf8', end) === key ? bytes.subarray(0, end) : undefined;
}
