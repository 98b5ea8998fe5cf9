import { closeSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DisposeStack } from '../core/dispose-stack.ts';
import { ARCHIVE_START_BYTES, looksLikeArchive } from '../exec/file-archive-bytes.ts';
import type { UrlPin } from '../ops/op.ts';
import type { RemoteSources } from '../sources/remote-sources.ts';
import type { UrlSource } from '../sources/url-file.ts';
import { readWhole } from './read-dockerfile.ts';
import { openScratch } from './scratch-directory.ts';

/** What fetching a file works with. */
export interface FetchHost {
  /** On the file system of the store. */
  readonly tmpDir: string;
  readonly remotes: () => Promise<RemoteSources>;
}

/** A file behind a URL; the server says what it is called. */
export function urlSource(url: string): UrlSource {
  return { type: 'http', url, checksum: undefined, filename: undefined };
}

/** The file behind a URL, for as long as the scope lasts. @throws BuildError, as `takeUrl` does */
export async function takeFile(
  source: UrlSource,
  pin: UrlPin,
  host: FetchHost,
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly path: string }> {
  await using scratch = new DisposeStack();
  const path = join(scratch.use(openScratch(host.tmpDir)).path, 'file');
  const opened = await host.remotes();
  await opened.takeUrl(source, pin, { target: path, onBytes: () => undefined }, signal);
  const kept = scratch.move();
  return { path, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/** True for a tar archive, and for compressed bytes, which are taken for one. */
export function isArchiveFile(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const length = Math.min(fstatSync(fd).size, ARCHIVE_START_BYTES);
    const start = Buffer.concat([readWhole(fd, length), Buffer.alloc(ARCHIVE_START_BYTES)]);
    return looksLikeArchive(start);
  } finally {
    closeSync(fd);
  }
}
