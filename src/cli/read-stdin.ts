import { ARCHIVE_START_BYTES, looksLikeArchive } from '../exec/file-archive-bytes.ts';
import { withStart } from '../layer/decompress.ts';
import { badStdin } from './errors.ts';

/** Standard input longer than this is no Dockerfile. */
const MAX_STDIN_BYTES = 64 * 1024 * 1024;

/** What stands on standard input, told by its beginning. */
export type StdinContent =
  | { readonly kind: 'text'; readonly text: string }
  /** The rest arrives while it is read, once. */
  | { readonly kind: 'archive'; readonly bytes: AsyncIterable<Uint8Array> };

/**
 * Looks at standard input as Docker does: a tar archive, compressed or not, is a whole context; all
 * else is the text of a Dockerfile, which is read to its end.
 * @throws BuildError STDIN_UNUSABLE, or the signal's reason
 */
export async function readStdin(
  stdin: NodeJS.ReadableStream,
  signal: AbortSignal,
): Promise<StdinContent> {
  const [start, bytes] = await withStart(chunksOf(stdin, signal), ARCHIVE_START_BYTES);
  if (looksLikeArchive(start)) return { kind: 'archive', bytes };
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > MAX_STDIN_BYTES) throw badStdin('it is larger than 64 MiB');
    chunks.push(chunk);
  }
  return { kind: 'text', text: Buffer.concat(chunks).toString('utf8') };
}

/** Ends with the signal, also while nothing comes. */
async function* chunksOf(
  stdin: NodeJS.ReadableStream,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const iterator = stdin[Symbol.asyncIterator]();
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
  });
  aborted.catch(() => undefined);
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next.done === true) return;
      yield typeof next.value === 'string' ? Buffer.from(next.value) : next.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
