import { createReadStream } from 'node:fs';
import { textToBytes } from '../core/bytes.ts';
import { parseDigest } from '../core/digest.ts';
import { blame } from '../diagnostics/blame.ts';
import { plainBytes } from '../exec/file-archive-bytes.ts';
import { readTar } from '../layer/tar-read.ts';
import { gitSource } from '../ops/lower-transfer.ts';
import { withoutCredentials } from '../sources/shown-url.ts';
import type { UrlSource } from '../sources/url-file.ts';
import { sourceDateEpochInvalid } from '../stages/errors.ts';
import { isCommitStart, parseGitReference } from '../stages/git-reference.ts';
import type { EpochSource } from '../stages/source-date-epoch.ts';
import { isArchiveFile, takeFile } from './fetched-file.ts';
import type { SourceTimeHost } from './plan-build.ts';
import { pinSource } from './pin-sources.ts';

/**
 * The time of what SOURCE_DATE_EPOCH names, in seconds since 1970: of a repository that of the commit, of
 * a URL that which the server says, else that of the newest file of the archive. Undefined for what has
 * none, such as a directory; the user is told. Rules as in BuildKit.
 * @throws BuildError SOURCE_DATE_EPOCH_INVALID, those of remote sources
 */
export async function sourceTime(
  { name, place }: EpochSource,
  host: SourceTimeHost,
  signal: AbortSignal,
): Promise<number | undefined> {
  const seconds = await timeOf(name, place, host, signal);
  if (seconds === undefined) {
    const text = `SOURCE_DATE_EPOCH is "${name}", which has no time of its own: times are those of this build`;
    host.emit({ type: 'note', text });
  }
  return seconds;
}

async function timeOf(
  name: string,
  place: EpochSource['place'],
  host: SourceTimeHost,
  signal: AbortSignal,
): Promise<number | undefined> {
  switch (place.kind) {
    case 'timeless':
      return undefined;
    case 'context':
      return host.contextTime(signal);
    case 'remote': {
      const { url, span } = place;
      try {
        const git = parseGitReference(url, span);
        return await (git === undefined
          ? urlTime(name, place, host, signal)
          : repositoryTime(name, git, place, host, signal));
      } catch (error) {
        throw blame(error, span);
      }
    }
    default:
      return place satisfies never;
  }
}

type RemotePlace = Extract<EpochSource['place'], { readonly kind: 'remote' }>;

async function repositoryTime(
  name: string,
  git: NonNullable<ReturnType<typeof parseGitReference>>,
  place: RemotePlace,
  host: SourceTimeHost,
  signal: AbortSignal,
): Promise<number> {
  const checksum = git.checksum ?? (place.checksum === '' ? undefined : place.checksum);
  if (checksum !== undefined && !isCommitStart(checksum)) throw badChecksum(name, place);
  const wanted = gitSource(git, { checksum, keepsGitDir: false });
  const source = await pinSource(wanted, 'pin epoch', host, signal);
  if (source.pin === undefined) throw new TypeError(`"${place.url}" was not pinned`);
  const remotes = await host.remotes();
  return remotes.commitTime(source, source.pin, signal);
}

async function urlTime(
  name: string,
  place: RemotePlace,
  host: SourceTimeHost,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { url } = place;
  const checksum = place.checksum === '' ? undefined : parseDigest(place.checksum);
  if (place.checksum !== '' && checksum === undefined) throw badChecksum(name, place);
  // Without a file name the server is asked, as its answer has the time.
  const wanted: UrlSource = { type: 'http', url, checksum, filename: undefined };
  const { pin } = await pinSource(wanted, 'pin epoch', host, signal);
  if (pin === undefined) throw new TypeError(`"${url}" was not pinned`);
  if (pin.mtime !== undefined && pin.mtime !== 0) return pin.mtime;
  await using file = await takeFile(wanted, pin, host, signal);
  if (!isArchiveFile(file.path)) return undefined;
  const bytes = createReadStream(file.path) as AsyncIterable<Uint8Array>;
  const archive = plainBytes(bytes, textToBytes(withoutCredentials(url)), signal);
  let newest: number | undefined;
  for await (const { entry } of readTar(archive)) {
    if (entry.type === 'file') newest = Math.max(newest ?? entry.mtime, entry.mtime);
  }
  return newest === undefined ? undefined : Math.floor(newest);
}

function badChecksum(name: string, { checksum, span }: RemotePlace): Error {
  return sourceDateEpochInvalid(name, `"${checksum}" is no checksum`, span);
}
