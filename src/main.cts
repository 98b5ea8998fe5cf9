/**
 * The program's first file. Two lines of shell stand before it in dist/main.cjs (scripts/build.mjs says
 * why). What people and scripts ask most often is answered here, before anything else is loaded.
 */
/* eslint-disable @typescript-eslint/no-require-imports -- a CommonJS file has no other way */
const { existsSync, writeSync } = require('node:fs') as typeof import('node:fs');
const { renderOverview } = require('./cli/overview.ts') as typeof import('./cli/overview.ts');
const { VERSION } = require('./cli/version.ts') as typeof import('./cli/version.ts');

/** Names the text of cli.cjs; scripts/build.mjs puts it in. */
declare const STAGECRAFT_BUILD: string;

const words = process.argv.slice(2);
const [first] = words;

if (words.length === 1 && (first === '--version' || first === '-v' || first === 'version')) {
  print(`stagecraft ${VERSION}\n`);
} else if (
  first === undefined ||
  (words.length === 1 && (first === '--help' || first === '-h' || first === 'help'))
) {
  print(renderOverview());
} else {
  void main();
}

/** What a former build of the same told is told again where that is known to be true; else the program runs. */
async function main(): Promise<void> {
  const { runProgram } = require('./cli/code-cache.ts') as typeof import('./cli/code-cache.ts');
  const { userCacheDirectory } =
    require('./cli/user-cache.ts') as typeof import('./cli/user-cache.ts');
  const cacheDirectory = userCacheDirectory(process.env);
  const identity = { build: STAGECRAFT_BUILD, cacheDirectory };
  const trace = cacheDirectory === undefined ? undefined : findTrace(cacheDirectory);
  if (trace !== undefined) {
    const program = runProgram(`${__dirname}/replay.cjs`, identity);
    await (program as typeof import('./cli/replay.ts')).replayBuild(trace);
  }
  runProgram(`${__dirname}/cli.cjs`, identity);
}

/** The trace of a build that was called like this command; undefined when there is none. */
function findTrace(cacheDirectory: string): string | undefined {
  if (!words.some((word) => word === 'build' || word === 'bud' || word === 'b')) return undefined;
  const { callId } = require('./replay/call.ts') as typeof import('./replay/call.ts');
  const { tracePath } = require('./cli/trace-files.ts') as typeof import('./cli/trace-files.ts');
  let cwd: string;
  try {
    cwd = process.cwd();
  } catch {
    // It is gone. The program says so.
    return undefined;
  }
  const call = callId({ argv: process.argv, cwd, env: process.env });
  const path = tracePath(cacheDirectory, call);
  return existsSync(path) ? path : undefined;
}

/** Short texts need no stream: making `process.stdout` costs as much as everything else here. */
function print(text: string): void {
  try {
    writeSync(1, text);
  } catch {
    // Nobody reads it, or the disk behind it is full.
    process.exitCode = 1;
  }
}
