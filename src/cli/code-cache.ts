import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** What a compiled program was made from. Any difference, and it is compiled again. */
export interface ProgramIdentity {
  /** Changes with the text of the program: V8 itself compares no more than its length. */
  readonly build: string;
  /** The user's cache directory, as $XDG_CACHE_HOME or $HOME/.cache; undefined keeps nothing. */
  readonly cacheHome: string | undefined;
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
 * or not ours alone is not used.
 *
 * Node 22 has `module.enableCompileCache` for this; Node 20 has not.
 */
export function runProgram(path: string, identity: ProgramIdentity): void {
  const { text, stamp } = readProgram(path);
  const key = `${identity.build} ${stamp} ${path}`;
  const cache = cachePath(path, identity.cacheHome);
  const cachedData = cache === undefined ? undefined : readCache(cache, key);
  const script = new Script(text, {
    filename: path,
    ...(cachedData !== undefined && { cachedData }),
  });
  const isKept = cachedData !== undefined && script.cachedDataRejected === false;
  if (cache !== undefined && !isKept && THOROUGH_COMMANDS.has(process.argv[2] ?? '')) {
    process.once('exit', (status) => {
      if (status === 0) writeCache(cache, key, script.createCachedData());
    });
  }
  const module = { exports: {} };
  const run = script.runInThisContext() as ProgramFunction;
  run(module.exports, createRequire(path), module, path, dirname(path));
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
function cachePath(program: string, cacheHome: string | undefined): string | undefined {
  if (cacheHome?.startsWith('/') !== true) return undefined;
  const name = `${PREFIX}${shortHash(program)}-${process.version}-${process.arch}.bin`;
  return join(cacheHome, 'stagecraft', name);
}

const PREFIX = 'program-';

/** FNV-1a of 32 bits: node:crypto takes longer to load than all of this. The key has the whole path. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0).toString(16);
}

/** The compiled program; what follows it in the file is the key it was made for. */
function readCache(path: string, key: string): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const { size, uid, mode } = fstatSync(file);
    // Whoever can write this file runs code as us.
    const isOurs = uid === process.geteuid?.() && (mode & 0o022) === 0;
    if (!isOurs || size > MAX_CACHE_BYTES) return undefined;
    const bytes = readFileSync(file);
    const end = bytes.length - Buffer.byteLength(key);
    return end > 0 && bytes.toString('utf8', end) === key ? bytes.subarray(0, end) : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** Not being able to keep it costs time and nothing else, so nobody is told. */
function writeCache(path: string, key: string, data: Buffer): void {
  const temporary = `${path}.${process.pid}`;
  try {
    for (const dir of [dirname(dirname(path)), dirname(path)]) makeDirectory(dir);
    writeFileSync(temporary, Buffer.concat([data, Buffer.from(key)]), { flag: 'wx', mode: 0o600 });
    renameSync(temporary, path);
    removeOldest(dirname(path));
  } catch {
    removeIfPossible(temporary);
  }
}

/** Of programs that were replaced or removed, nobody says so: the compiled ones that were written last stay. */
function removeOldest(directory: string): void {
  const written = readdirSync(directory)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => join(directory, name))
    .map((path) => ({ path, at: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of written.slice(MAX_KEPT)) removeIfPossible(path);
}

function removeIfPossible(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made.
  }
}

/** Only the last part of the path: a home directory that does not exist is not made. */
function makeDirectory(path: string): void {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
}
