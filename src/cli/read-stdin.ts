import { badStdin } from './errors.ts';

/** Standard input longer than this is no Dockerfile. */
const MAX_STDIN_BYTES = 64 * 1024 * 1024;
/** Where `ustar` stands in a tar header. */
const TAR_MAGIC_OFFSET = 257;

/**
 * Standard input to its end, as the text of a Dockerfile.
 * @throws BuildError STDIN_UNUSABLE, or the signal's reason
 */
export async function readDockerfileFromStdin(
  stdin: NodeJS.ReadableStream,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stdin.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_STDIN_BYTES) reject(badStdin('it is larger than 64 MiB'));
    });
    stdin.on('end', resolve);
    stdin.on('error', reject);
  });
  const bytes = Buffer.concat(chunks);
  if (isArchive(bytes)) {
    throw badStdin('it is an archive', 'Unpack it into a directory, and name that as the context');
  }
  return bytes.toString('utf8');
}

/** Docker takes a tar archive, compressed or not, as the whole context. */
function isArchive(bytes: Buffer): boolean {
  const starts = ['1f8b', '425a68', 'fd377a585a00', '28b52ffd'];
  const head = bytes.subarray(0, 8).toString('hex');
  const magic = bytes.subarray(TAR_MAGIC_OFFSET, TAR_MAGIC_OFFSET + 5).toString('latin1');
  return magic === 'ustar' || starts.some((start) => head.startsWith(start));
}
