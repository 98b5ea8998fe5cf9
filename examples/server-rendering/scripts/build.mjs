// The build: the server with its pages, and React left to node_modules.
import { build } from 'esbuild';

await build({
  entryPoints: ['src/server.jsx'],
  outfile: '.next/server.js',
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  jsx: 'automatic',
});
