import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { createBreather } from '../core/breathe.ts';
import { textToBytes } from '../core/bytes.ts';
import type { SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';
import type { GitSource, RemoteSources } from '../sources/remote-sources.ts';
import type { UrlSource } from '../sources/url-file.ts';
import { unpackEntries } from './file-archive.ts';
import { Upper } from './file-upper.ts';

/** What fetching files from elsewhere needs. */
export interface RemoteOpDeps {
  readonly snapshots: Snapshotter;
  remotes(): Promise<RemoteSources>;
}

/** A snapshot that was made, and the bytes of its files. */
interface MadeSnapshot {
  readonly snapshot: SnapshotId;
  readonly bytes: number;
}

/** Makes a snapshot with one file, mode 0600 and of root, as BuildKit downloads them. @throws BuildError */
export async function runUrlOp(
  source: UrlSource,
  deps: RemoteOpDeps,
  onBytes: (received: number, total: number | undefined) => void,
  signal: AbortSignal,
): Promise<MadeSnapshot> {
  const { pin } = source;
  if (pin === undefined) throw new TypeError(`"${source.url}" was not pinned`);
  const remotes = await deps.remotes();
  await using active = await deps.snapshots.prepare(undefined, signal);
  const target = join(active.upper, pin.filename);
  const { mtime, bytes } = await remotes.takeUrl(source, pin, { target, onBytes }, signal);
  utimesSync(target, mtime, mtime);
  const { id } = await active.commit({ bytes, entries: 1, isEmpty: false });
  return { snapshot: id, bytes };
}

/** Makes a snapshot with the files of a commit. @throws BuildError */
export async function runGitOp(
  source: GitSource,
  deps: RemoteOpDeps,
  signal: AbortSignal,
): Promise<MadeSnapshot> {
  const { pin } = source;
  if (pin === undefined) throw new TypeError(`"${source.remote}" was not pinned`);
  const remotes = await deps.remotes();
  await using active = await deps.snapshots.prepare(undefined, signal);
  const scope = { upper: new Upper(active), breather: createBreather(signal) };
  const target = {
    unpack: async (directory: string, entries: Parameters<typeof unpackEntries>[0]) =>
      unpackEntries(entries, { destination: textToBytes(`/${directory}`), owner: ROOT, scope }),
    gitDir: join(active.upper, '.git'),
  };
  await remotes.takeGit(source, pin, target, signal);
  scope.upper.recount();
  const info = scope.upper.info();
  const { id } = await active.commit(info);
  return { snapshot: id, bytes: info.bytes };
}

const ROOT = { uid: 0, gid: 0 };
