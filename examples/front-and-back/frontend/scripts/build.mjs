// The build: TypeScript to one script, beside the page.
import { cpSync } from 'node:fs';
import { build } from 'esbuild';

await build({
  entryPoints: ['src/clock.ts'],
  outfile: 'dist/clock.js',
  bundle: true,
  minify: true,
});
cpSync('src/index.html', 'dist/index.html');
