import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { BuildError } from '../diagnostics/build-error.ts';

const KEPT_ERROR_CHARS = 500;

/**
 * Sends a stream through a program of this host and yields what it prints. `argv[0]` is an absolute
 * path: nothing is looked up. `env` is the whole environment, empty unless it is given.
 * @throws BuildError FILTER_FAILED when it ends with another status than 0
 */
export async function* filterThrough(
  argv: readonly [string, ...string[]],
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array, void> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { env: { ...env }, stdio: ['pipe', 'pipe', 'pipe'], signal });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(0, KEPT_ERROR_CHARS);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => undefined);
  // When the program ends early, writing fails: its status says why.
  child.stdin.on('error', () => undefined);
  Readable.from(source, { objectMode: false }).pipe(child.stdin);
  try {
    for await (const chunk of child.stdout as AsyncIterable<Uint8Array>) yield chunk;
    const status = await ended;
    if (status !== 0) throw failed(program, status, complaint);
  } finally {
    child.kill('SIGKILL');
  }
}

function failed(program: string, status: number | null, complaint: string): BuildError {
  return new BuildError({
    code: 'FILTER_FAILED',
    class: 'host',
    message: `Cannot run "${program}": it ended with status ${String(status)}: ${complaint.trim()}`,
    hint: undefined,
  });
}
