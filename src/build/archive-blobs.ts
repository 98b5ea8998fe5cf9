import { posix } from 'node:path';
import type { BlobStore, WrittenBlob } from '../content/blob-store.ts';
import { parseDigest } from '../core/digest.ts';
import { invalidImage, shown } from '../image/errors.ts';
import { decompress } from '../layer/decompress.ts';
import { readTar } from '../layer/tar-read.ts';

/** Images of a real archive have some dozens of layers and three files for each. */
const MAX_MEMBERS = 20_000;
/** Links to links; real archives have one. */
const MAX_LINKS = 8;
const DIGEST_NAME = /(?:^|\/)([0-9a-f]{64})(?:\.json|\.tar)?$/;

/** Files of an archive by name. */
export interface ArchiveBlobs {
  /**
   * A file, links followed inside the archive. A name that is a digest must be that of the bytes.
   * @throws BuildError INVALID_IMAGE when it is missing
   */
  get(name: string): WrittenBlob;
  has(name: string): boolean;
}

/**
 * Puts the files of an archive, compressed or not, into the blob store. Names are only looked up: none
 * ever becomes a path.
 * @throws BuildError INVALID_IMAGE, TAR_INVALID, LAYER_TOO_LARGE, COMPRESSION_INVALID
 */
export async function readArchiveBlobs(
  source: AsyncIterable<Uint8Array>,
  what: string,
  blobs: BlobStore,
  signal: AbortSignal,
): Promise<ArchiveBlobs> {
  const files = new Map<string, WrittenBlob>();
  const links = new Map<string, string>();
  for await (const { entry, content } of readTar(decompress(source, signal))) {
    signal.throwIfAborted();
    const name = posix.normalize(entry.name).replace(/\/$/, '');
    if (files.has(name) || links.has(name)) {
      throw invalidImage(what, `it has two files "${shown(name)}"`);
    }
    if (files.size + links.size >= MAX_MEMBERS) {
      throw invalidImage(what, `it has more than ${MAX_MEMBERS} files`);
    }
    if (entry.type === 'file') files.set(name, await blobs.write(content(), undefined, signal));
    if (entry.linkName === undefined) continue;
    // Old archives of Docker link layers that they have already.
    const from = entry.type === 'symlink' ? posix.dirname(name) : '.';
    links.set(name, posix.join(from, entry.linkName));
  }

  function find(name: string): WrittenBlob | undefined {
    let at: string | undefined = posix.normalize(name);
    for (let count = 0; count <= MAX_LINKS && at !== undefined; count++) {
      const file = files.get(at);
      if (file !== undefined) return file;
      at = links.get(at);
    }
    return undefined;
  }

  return {
    has: (name) => find(name) !== undefined,
    get(name) {
      const file = find(name);
      if (file === undefined) throw invalidImage(what, `it has no file "${shown(name)}"`);
      return file;
    },
  };
}

/** For names that promise a digest. @throws BuildError INVALID_IMAGE when the bytes have another one */
export function checkNamedDigest(name: string, file: WrittenBlob, what: string): void {
  const promised = parseDigest(`sha256:${DIGEST_NAME.exec(name)?.[1] ?? ''}`);
  if (promised === undefined || promised === file.digest) return;
  throw invalidImage(what, `the digest of "${shown(name)}" is ${file.digest}`);
}
