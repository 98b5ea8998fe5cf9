import { closeSync, constants, openSync, readSync } from 'node:fs';
import { createBreather } from '../core/breathe.ts';
import { bytesToText, fsPath, type BytePath } from '../core/bytes.ts';
import { diskError } from '../host/disk-error.ts';
import { hasCode } from '../host/sys.ts';
import { CHUNK_BYTES } from './chunk-ring.ts';
import { layerChanged } from './errors.ts';
import { layerEntries } from './layer-entries.ts';
import { hasXattrs } from '../host/xattr.ts';
import { readXattrs } from '../tree/xattrs.ts';
import type { LayerEntry } from './node-entry.ts';
import type { TarEntry } from './tar-entry.ts';
import { encodeHeader, END_OF_ARCHIVE, padding } from './tar-header.ts';

export interface LayerTarOptions {
  /** Latest modification time, in seconds since 1970 (SOURCE_DATE_EPOCH); undefined keeps all. */
  readonly clampMtime: number | undefined;
}

/**
 * The uncompressed tar of a layer, from a frozen directory in overlay upper form. The same directory
 * always gives the same bytes. Each chunk is valid until the next one is asked for.
 * @throws BuildError LAYER_CHANGED when a file is not what it was when it was listed
 */
export function layerTar(
  dir: string,
  options: LayerTarOptions,
  signal: AbortSignal,
  room?: ChunkRoom,
): AsyncGenerator<Uint8Array, void> {
  return entriesTar(layerEntries(dir, options.clampMtime), signal, room);
}

/** Gives the memory for the next chunk: `CHUNK_BYTES`. Without it, all chunks are in the same. */
export type ChunkRoom = () => Buffer;

/**
 * A tar archive of these entries, content read from this host's files. Each chunk is valid until the
 * next one is asked for.
 * @throws BuildError LAYER_CHANGED when a file is not what it was when it was listed
 */
export async function* entriesTar(
  entries: Iterable<LayerEntry>,
  signal: AbortSignal,
  room: ChunkRoom = sameRoom(),
): AsyncGenerator<Uint8Array, void> {
  const breather = createBreather(signal);
  const out = new ChunkBuffer(room);
  for (const { entry, hostPath } of entries) {
    if (hostPath === undefined) yield* out.add(encodeHeader(entry));
    else yield* out.addFile(entry, hostPath);
    if (breather.isDue()) await breather.breathe();
  }
  yield* out.add(END_OF_ARCHIVE);
  yield* out.flush();
}

function sameRoom(): ChunkRoom {
  const room = Buffer.allocUnsafe(CHUNK_BYTES);
  return () => room;
}

/** Collects small pieces into chunks, and reads files straight into them. */
class ChunkBuffer {
  readonly #room: ChunkRoom;
  #current: Buffer | undefined;
  #length = 0;

  constructor(room: ChunkRoom) {
    this.#room = room;
  }

  get #buffer(): Buffer {
    return (this.#current ??= this.#room());
  }

  *add(bytes: Uint8Array): Generator<Uint8Array, void> {
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, CHUNK_BYTES - this.#length);
      this.#buffer.set(bytes.subarray(at, at + count), this.#length);
      at += count;
      this.#length += count;
      if (this.#length === CHUNK_BYTES) yield* this.flush();
    }
  }

  *addFile(entry: TarEntry, path: BytePath): Generator<Uint8Array, void> {
    const { size } = entry;
    const fd = openFile(path);
    try {
      const xattrs = hasXattrs(fd) ? readXattrs(path) : [];
      yield* this.add(encodeHeader(entry, xattrs));
      for (let rest = size; rest > 0;) {
        const wanted = Math.min(rest, CHUNK_BYTES - this.#length);
        const count = this.#read(fd, wanted, path);
        if (count === 0) throw layerChanged(bytesToText(path));
        rest -= count;
        this.#length += count;
        if (this.#length === CHUNK_BYTES) yield* this.flush();
      }
    } finally {
      closeSync(fd);
    }
    yield* this.add(padding(size));
  }

  #read(fd: number, wanted: number, path: BytePath): number {
    try {
      return readSync(fd, this.#buffer, this.#length, wanted, null);
    } catch (error) {
      throw diskError(bytesToText(path), error) ?? error;
    }
  }

  *flush(): Generator<Uint8Array, void> {
    if (this.#length === 0) return;
    const chunk = this.#buffer.subarray(0, this.#length);
    yield chunk;
    this.#current = undefined;
    this.#length = 0;
  }
}

function openFile(path: BytePath): number {
  try {
    return openSync(fsPath(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    // Gone, or a link now: what was listed was a file.
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw layerChanged(bytesToText(path));
    throw diskError(bytesToText(path), error) ?? error;
  }
}
