import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseDigest } from '../core/digest.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { Source, UrlPin } from '../ops/op.ts';
import { download, requestTarget, type Download, type DownloadSettings } from './download.ts';
import { urlChanged, urlDigestMismatch } from './errors.ts';
import { withoutCredentials } from './shown-url.ts';

/** An `http` source. */
export type UrlSource = Extract<Source, { readonly type: 'http' }>;

/** Where downloads and what is known of URLs are kept. */
export interface UrlStore extends DownloadSettings {
  readonly directory: string;
  lock(name: string, signal: AbortSignal): Promise<AsyncDisposable>;
}

/** Told how far a download is. */
export type OnBytes = (received: number, total: number | undefined) => void;

const MAX_RECORD_BYTES = 64 * 1024;

/** What was fetched last from a URL. */
type UrlRecord = Download;

/**
 * Finds out what a URL stands for at present. With a checksum that is known without asking anybody. Otherwise
 * the server is asked whether the file that is known is still the one (ETag), and the file is fetched
 * when it is not. What was fetched waits in the store for `takeUrl`.
 * @throws BuildError URL_FETCH_FAILED, URL_UNTRUSTED
 */
export async function pinUrl(
  source: UrlSource,
  store: UrlStore,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<UrlPin> {
  const { url, checksum, filename } = source;
  if (checksum !== undefined && filename !== undefined) {
    return { digest: checksum, filename, mtime: undefined };
  }
  await using place = await openPlace(url, store, signal);
  const known = readRecord(place.record);
  const found = (await fetchBody(url, place, known?.etag, store, onBytes, signal)) ?? known;
  if (found === undefined) throw urlChanged(url, 'nothing', 'nothing');
  if (checksum !== undefined && found.digest !== checksum) {
    throw urlDigestMismatch(url, checksum, found.digest);
  }
  return { digest: found.digest, filename: filename ?? found.filename, mtime: found.mtime };
}

/**
 * Puts the file of a pinned source at `target`, a path of the store's file system where nothing is. It
 * is fetched again when it is not here any more. Tells its time and size.
 * @throws BuildError URL_DIGEST_MISMATCH, URL_CHANGED, URL_FETCH_FAILED, URL_UNTRUSTED
 */
export async function takeUrl(
  source: UrlSource,
  pin: UrlPin,
  to: { readonly target: string; readonly onBytes: OnBytes },
  store: UrlStore,
  signal: AbortSignal,
): Promise<{ readonly mtime: number; readonly bytes: number }> {
  const { url, checksum } = source;
  await using place = await openPlace(url, store, signal);
  const known = readRecord(place.record);
  const isHere = known?.digest === pin.digest && hasBytes(place.body, known.bytes);
  const found = isHere ? known : await fetchBody(url, place, undefined, store, to.onBytes, signal);
  if (found === undefined || found.digest !== pin.digest) {
    const digest = found?.digest ?? 'nothing';
    throw checksum === undefined
      ? urlChanged(url, pin.digest, digest)
      : urlDigestMismatch(url, checksum, digest);
  }
  renameSync(place.body, to.target);
  return { mtime: pin.mtime ?? found.mtime, bytes: found.bytes };
}

interface Place extends AsyncDisposable {
  readonly body: string;
  readonly record: string;
}

/** Whoever is somebody else to a server may get something else. */
async function openPlace(address: string, store: UrlStore, signal: AbortSignal): Promise<Place> {
  const { authorization = '' } = requestTarget(address, store.secret);
  const hash = createHash('sha256').update(`${address}\0${authorization}`);
  const name = hash.digest('hex').slice(0, 32);
  const directory = join(store.directory, name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = await store.lock(`url-${name}`, signal);
  return {
    body: join(directory, 'body'),
    record: join(directory, 'record.json'),
    async [Symbol.asyncDispose]() {
      await lock[Symbol.asyncDispose]();
    },
  };
}

/** Undefined when the server says that nothing is new. */
async function fetchBody(
  address: string,
  place: Place,
  known: string | undefined,
  store: UrlStore,
  onBytes: OnBytes,
  signal: AbortSignal,
): Promise<Download | undefined> {
  const path = `${place.body}.${randomBytes(6).toString('hex')}`;
  const found = await download(address, { path, known, onBytes }, store, signal);
  if (found === undefined) return undefined;
  // First the old file goes, then what is known of it: a record never names another file.
  rmSync(place.body, { force: true });
  const record = { url: withoutCredentials(address), ...found };
  replaceFile(place.record, `${JSON.stringify(record)}\n`);
  renameSync(path, place.body);
  return found;
}

/** A record that cannot be read is as good as none. */
function readRecord(path: string): UrlRecord | undefined {
  const text = readFileCapped(path, MAX_RECORD_BYTES)?.toString('utf8');
  if (text === undefined) return undefined;
  try {
    const { digest, bytes, filename, mtime, etag } = JSON.parse(text) as Partial<
      Record<keyof UrlRecord, unknown>
    >;
    const known = typeof digest === 'string' ? parseDigest(digest) : undefined;
    const isGood =
      known !== undefined &&
      typeof bytes === 'number' &&
      typeof filename === 'string' &&
      typeof mtime === 'number';
    if (!isGood) return undefined;
    const tag = typeof etag === 'string' ? etag : undefined;
    return { digest: known, bytes, filename, mtime, etag: tag };
  } catch {
    return undefined;
  }
}

function hasBytes(path: string, bytes: number): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === bytes;
}
