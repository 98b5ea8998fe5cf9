import { textToBytes } from '../core/bytes.ts';
import type { TarEntry } from './tar-entry.ts';
import { encodeHeader, END_OF_ARCHIVE, padding } from './tar-header.ts';

/** One member of an archive that is made of parts, not of a file system. */
export type ArchiveMember =
  | { readonly type: 'directory'; readonly name: string }
  | { readonly type: 'file'; readonly name: string; readonly bytes: Uint8Array }
  | {
      readonly type: 'stream';
      readonly name: string;
      /** Bytes that `open` gives; it is known before, as it stands in front of them. */
      readonly size: number;
      open(signal: AbortSignal): AsyncIterable<Uint8Array>;
    };

/**
 * A tar archive of these members, in their order. All belong to root and carry no time, so that equal
 * members give equal bytes. A stream's chunks are handed on as they are.
 * @throws TypeError when a stream has another size than promised, as the archive would be broken
 */
export async function* tarArchive(
  members: Iterable<ArchiveMember>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  for (const member of members) {
    signal.throwIfAborted();
    const size = sizeOf(member);
    yield encodeHeader(entryOf(member, size));
    if (member.type === 'file') yield member.bytes;
    if (member.type === 'stream') yield* exactly(member.open(signal), size, member.name);
    yield padding(size);
  }
  yield END_OF_ARCHIVE;
}

async function* exactly(
  source: AsyncIterable<Uint8Array>,
  size: number,
  name: string,
): AsyncGenerator<Uint8Array, void> {
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > size) break;
    yield chunk;
  }
  if (length !== size) throw new TypeError(`"${name}" does not have the ${size} bytes it should`);
}

function sizeOf(member: ArchiveMember): number {
  if (member.type === 'directory') return 0;
  return member.type === 'file' ? member.bytes.length : member.size;
}

function entryOf({ name, type }: ArchiveMember, size: number): TarEntry {
  const isDirectory = type === 'directory';
  return {
    name: textToBytes(name),
    type: isDirectory ? 'directory' : 'file',
    mode: isDirectory ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size,
    mtime: 0,
    linkName: undefined,
    devMajor: 0,
    devMinor: 0,
    xattrs: [],
  };
}
