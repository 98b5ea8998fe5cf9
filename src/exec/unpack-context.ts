import { createBreather } from '../core/breathe.ts';
import type { BytePath } from '../core/bytes.ts';
import { readTar } from '../layer/tar-read.ts';
import type { ActiveSnapshot, SnapshotInfo } from '../snapshot/snapshotter.ts';
import { ROOT } from '../tree/node.ts';
import { plainBytes } from './file-archive-bytes.ts';
import { unpackEntries } from './file-archive.ts';
import { Upper } from './file-upper.ts';

/**
 * Unpacks a build context that comes as a tar archive, compressed or not, into an empty snapshot. Owners
 * are those of the archive, as in BuildKit. `name` is for messages.
 * @throws BuildError TAR_INVALID, COMPRESSION_INVALID, FILTER_FAILED, ARCHIVE_TOOL_MISSING and those of
 * unpacking; `active` is then to be thrown away
 */
export async function unpackContext(
  bytes: AsyncIterable<Uint8Array>,
  name: BytePath,
  active: ActiveSnapshot,
  signal: AbortSignal,
): Promise<SnapshotInfo> {
  const scope = { upper: new Upper(active), breather: createBreather(signal) };
  const entries = readTar(plainBytes(bytes, name, signal));
  await unpackEntries(entries, { destination: ROOT, owner: undefined, scope });
  return scope.upper.info();
}
