import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { hasCode } from './sys.ts';

/**
 * Starts a thread that runs one of our own modules, named by its path below `src` without its ending:
 * `exec/copy-worker`. It shares nothing but what is sent to it. Starting takes some 20 ms and is worth it
 * for longer work only. The thread does not keep the process from ending. Undefined where the host gives
 * this process no more threads; a thread that dies later says so by its events.
 */
export function tryOpenWorkerThread(name: string): Worker | undefined {
  const { Worker: Thread } = process.getBuiltinModule('node:worker_threads');
  const { file, execArgv } = programOf(name);
  try {
    const worker = new Thread(file, { execArgv, resourceLimits: HEAP });
    worker.unref();
    return worker;
  } catch (error) {
    if (hasCode(error, 'ERR_WORKER_INIT_FAILED', 'ERR_WORKER_OUT_OF_MEMORY')) return undefined;
    throw error;
  }
}

/**
 * Next to nothing of what a batch needs lives on: room for more of it would only be memory. V8 also lets a
 * heap grow the more slowly the less it may become at most; a thread that needs more ends, and its work is
 * done in the one that asked.
 */
const HEAP = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 512 };

function programOf(name: string): { file: string | URL; execArgv: string[] } {
  // The published program is one CommonJS file with the threads' programs beside it: scripts/build.mjs.
  if ((import.meta.url as string | undefined) === undefined) {
    return { file: join(__dirname, `${basename(name)}.cjs`), execArgv: [] };
  }
  if (import.meta.url.endsWith('.js')) {
    return { file: new URL(`../${name}.js`, import.meta.url), execArgv: [] };
  }
  // In tests, from the sources. What tsx itself offers for --import does nothing in threads.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json'));
  const api = new URL('dist/esm/api/index.mjs', tsx).href;
  const loader = `import { register } from ${JSON.stringify(api)}; register();`;
  return {
    file: new URL(`../${name}.ts`, import.meta.url),
    execArgv: ['--import', `data:text/javascript,${encodeURIComponent(loader)}`],
  };
}
