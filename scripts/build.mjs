// Builds what is published: dist/main.cjs, cli.cjs and replay.cjs (the program), dist/lib (the API).
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values: flags } = parseArgs({
  options: {
    /** Where to, instead of dist. */
    out: { type: 'string' },
    /** Only these of main, cli and lib. */
    only: { type: 'string', default: 'main,cli,lib' },
    /** With lines and the names of source files, for profiles. */
    readable: { type: 'boolean', default: false },
  },
});
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const published = resolve(flags.out ?? join(root, 'dist'));
/** Beside it, so that a build that fails leaves the last good one. */
const out = `${published}.new`;
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

/**
 * dist/main.cjs is a shell script and a CommonJS file. The shell sees a no-op command, then starts Node
 * on the same file; Node sees a string and a comment. Node reads NODE_EXTRA_CA_CERTS in its first
 * milliseconds, which costs more than everything else that a cached build does; so the variable goes by
 * another name until a registry has to be reached.
 */
const SHELL = [
  '#!/bin/sh',
  '":" //;' +
    ' [ -z "${NODE_EXTRA_CA_CERTS-}" ] ||' +
    ' { STAGECRAFT_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS; export STAGECRAFT_EXTRA_CA_CERTS; unset NODE_EXTRA_CA_CERTS; };' +
    ' exec node "$0" "$@"',
].join('\n');

const common = {
  absWorkingDir: root,
  bundle: true,
  charset: 'ascii',
  define: { STAGECRAFT_VERSION: JSON.stringify(version), 'import.meta.url': 'undefined' },
  format: 'cjs',
  legalComments: 'none',
  logLevel: 'warning',
  platform: 'node',
  target: 'node20',
};

const names = new Set(flags.only.split(','));

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
try {
  await Promise.all([
    bundleProgram(),
    names.has('cli') && bundleThreads(),
    names.has('lib') && compileLibrary(),
  ]);
  await rm(published, { recursive: true, force: true });
  await rename(out, published);
} finally {
  await rm(out, { recursive: true, force: true });
}

/** Programs of threads, each a file of its own (src/host/worker-thread.ts). */
async function bundleThreads() {
  await build({
    ...common,
    entryPoints: [
      'exec/copy-worker',
      'host/network-worker',
      'layer/hash-worker',
      'layer/measure-worker',
      'layer/tar-worker',
      'tree/digest-worker',
    ].map((name) => `src/${name}.ts`),
    external: ['koffi'],
    minify: true,
    outExtension: { '.js': '.cjs' },
    entryNames: '[name]',
    outdir: out,
  });
}

/** The first file names the text of the others: src/cli/code-cache.ts says what for. */
async function bundleProgram() {
  const texts = names.has('cli')
    ? await Promise.all([bundleCached('cli'), bundleCached('replay')])
    : [];
  if (names.has('main')) {
    await bundleMain(createHash('sha256').update(texts.join()).digest('hex'));
  }
}

async function bundleMain(identity) {
  const { outputFiles } = await build({
    ...common,
    define: { ...common.define, STAGECRAFT_BUILD: JSON.stringify(identity) },
    entryPoints: ['src/main.cts'],
    external: ['./cli.cjs', './replay.cjs'],
    write: false,
  });
  const path = join(out, 'main.cjs');
  await writeFile(path, `${SHELL}\n${outputFiles[0].text}`);
  await chmod(path, 0o755);
}

/**
 * A program whose compiled form is cached, as one file. Dynamic imports stay lazy: a module in it runs when it is
 * first imported.
 */
async function bundleCached(name) {
  const outfile = join(out, `${name}.cjs`);
  await build({
    ...common,
    entryPoints: [`src/cli/${name}.ts`],
    external: ['koffi', 'yaml'],
    // src/cli/code-cache.ts runs it: a text that is a function already need not be copied into one.
    banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
    footer: { js: '})' },
    minifySyntax: true,
    // Short names halve the time that V8 takes to load the program. The map is read when there is a bug
    // to report (src/cli/readable-stack.ts).
    minifyIdentifiers: !flags.readable,
    sourcemap: flags.readable ? false : 'external',
    sourcesContent: false,
    // `import('node:https')` becomes a require: sooner, and code from a cache may not import.
    supported: { 'dynamic-import': false },
    minifyWhitespace: !flags.readable,
    outfile,
  });
  return readFile(outfile);
}

async function compileLibrary() {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const child = spawn(
    process.execPath,
    [tsc, '-p', 'tsconfig.build.json', '--outDir', join(out, 'lib')],
    {
      cwd: root,
      stdio: 'inherit',
    },
  );
  const status = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', resolve);
  });
  if (status !== 0) throw new Error(`tsc ended with status ${status}`);
}
