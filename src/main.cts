/**
 * The program's first file. Two lines of shell stand before it in dist/main.cjs (scripts/build.mjs says
 * why). What people and scripts ask most often is answered here, before anything else is loaded.
 */
/* eslint-disable @typescript-eslint/no-require-imports -- a CommonJS file has no other way */
const { renderOverview } = require('./cli/overview.ts') as typeof import('./cli/overview.ts');
const { VERSION } = require('./cli/version.ts') as typeof import('./cli/version.ts');

const words = process.argv.slice(2);
const [first] = words;

if (words.length === 1 && (first === '--version' || first === '-v' || first === 'version')) {
  process.stdout.write(`stagecraft ${VERSION}\n`);
} else if (
  first === undefined ||
  (words.length === 1 && (first === '--help' || first === '-h' || first === 'help'))
) {
  process.stdout.write(renderOverview());
} else {
  require('./cli.cjs');
}
