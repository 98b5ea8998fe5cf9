// The build: one script for the browser beside the files of public/.
import { cpSync } from 'node:fs';
import { build } from 'esbuild';

cpSync('public', 'build', { recursive: true });
await build({
  entryPoints: ['src/main.jsx'],
  outfile: 'build/app.js',
  bundle: true,
  minify: true,
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"production"' },
});
