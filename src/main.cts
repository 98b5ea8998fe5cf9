/**
 * The program's first file. Two lines of shell stand before it in dist/main.cjs (scripts/build.mjs says
 * why). What people and scripts ask most often is answered here, before anything else is loaded.
 */
/* eslint-disable @typescript-eslint/no-require-imports -- a CommonJS file has no other way */
const { writeSync } = require('node:fs') as typeof import('node:fs');
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
  const { runProgram } = require('./cli/code-cache.ts') as typeof import('./cli/code-cache.ts');
  const { HOME: home, XDG_CACHE_HOME: cache } = process.env;
  const cacheHome = cache ?? (home === undefined ? undefined : `${home}/.cache`);
  runProgram(`${__dirname}/cli.cjs`, { build: STAGECRAFT_BUILD, cacheHome });
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
