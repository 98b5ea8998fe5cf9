import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { certificateOptions } from '../http/certificate-options.ts';
import { commonAuthorities } from '../http/certificates.ts';
import type { ReadEntry } from '../layer/tar-read.ts';
import type { GitPin, Source, UrlPin } from '../ops/op.ts';
import type { DownloadSettings } from './download.ts';
import { gitChecksumMismatch, gitTreeRefused } from './errors.ts';
import { writeGitDir } from './git-dir.ts';
import { commitEntries, submodulesOf } from './git-files.ts';
import { openGit, type GitProgram } from './git-program.ts';
import {
  openRemote,
  shownRemote,
  submoduleRemote,
  type GitRemote,
  type SecretReader,
} from './git-remote.ts';
import { settleRemote } from './git-redirect.ts';
import { fetchCommit, type GitStore } from './git-repository.ts';
import { COMMIT, resolveRef } from './git-refs.ts';
import { pinUrl, takeUrl, type OnBytes, type UrlSource } from './url-file.ts';

/** A `git` source. */
export type GitSource = Extract<Source, { readonly type: 'git' }>;

/**
 * Files that lie elsewhere. In: a source as the Dockerfile or the command line names it. Out: first a
 * pin, which says by content what the source stands for at present and becomes part of the cache key; then,
 * when it is needed, the files of that pin and of nothing newer.
 */
export interface RemoteSources extends AsyncDisposable {
  /** @throws BuildError URL_FETCH_FAILED, URL_UNTRUSTED, URL_DIGEST_MISMATCH */
  pinUrl(source: UrlSource, onBytes: OnBytes, signal: AbortSignal): Promise<UrlPin>;
  /** Puts the file at `to.target`, on the file system of the store. @throws as pinUrl; URL_CHANGED */
  takeUrl(
    source: UrlSource,
    pin: UrlPin,
    to: { readonly target: string; readonly onBytes: OnBytes },
    signal: AbortSignal,
  ): Promise<{ readonly mtime: number; readonly bytes: number }>;
  /** @throws BuildError GIT_MISSING, GIT_FETCH_FAILED, GIT_REF_NOT_FOUND, GIT_CHECKSUM_MISMATCH */
  pinGit(source: GitSource, signal: AbortSignal): Promise<GitPin>;
  /** When a pinned commit was made, in seconds since 1970. @throws BuildError as pinGit */
  commitTime(source: GitSource, pin: GitPin, signal: AbortSignal): Promise<number>;
  /** @throws BuildError as pinGit; GIT_SUBDIR_NOT_FOUND, GIT_TREE_REFUSED */
  takeGit(source: GitSource, pin: GitPin, into: GitTarget, signal: AbortSignal): Promise<void>;
}

/** Where the files of a repository go. */
export interface GitTarget {
  /** Unpacks entries below a directory of the result; `''` is its root. */
  unpack(directory: string, entries: AsyncGenerator<ReadEntry, void>): Promise<void>;
  /** Host path that `.git` gets. */
  readonly gitDir: string;
}

/** What a build gives to log in with. */
export interface RemoteAccess {
  readonly secret: SecretReader;
  /** Socket of the agent for repositories behind SSH; undefined: that of SSH_AUTH_SOCK. */
  sshSocket(signal: AbortSignal): Promise<string | undefined>;
}

/** What remote sources work with. */
export interface RemoteSourceOptions extends DownloadSettings, RemoteAccess {
  /** Directory for what is kept between builds. */
  readonly directory: string;
  /** Makes a directory for work in progress, on the same file system; gone when it is disposed. */
  readonly openScratch: () => AsyncDisposable & { readonly path: string };
  readonly lock: (name: string, signal: AbortSignal) => Promise<AsyncDisposable>;
  /** Keeps what is in `directory` from being tidied away until it is disposed. */
  readonly hold: (signal: AbortSignal) => Promise<AsyncDisposable>;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Submodules of submodules, and so on. */
const MAX_SUBMODULE_DEPTH = 10;
/** Of one source, at all depths. */
const MAX_SUBMODULES = 500;

/** Opens nothing before the first source is asked for. */
export function openRemoteSources(options: RemoteSourceOptions): RemoteSources {
  const urls = { ...options, directory: join(options.directory, 'urls') };
  let scratch: ReturnType<RemoteSourceOptions['openScratch']> | undefined;
  let caFile: Promise<string | undefined> | undefined;

  const ownDir = (): string => (scratch ??= options.openScratch()).path;

  let held: Promise<AsyncDisposable> | undefined;
  const hold = (signal: AbortSignal): Promise<AsyncDisposable> => (held ??= options.hold(signal));

  async function gitStore(url: string, signal: AbortSignal): Promise<GitStore> {
    await hold(signal);
    caFile ??= writeAuthorities(options, ownDir);
    const git = openGit({ ...options, caFile: await caFile }, url);
    return { git, directory: join(options.directory, 'git'), lock: options.lock };
  }

  const settled = new Map<string, Promise<GitRemote>>();
  /** Each repository is asked once where it is. */
  const remoteOf: FindRemote = (remote, signal) => {
    const key = `${remote.url}\0${remote.authorization ?? ''}`;
    const known = settled.get(key) ?? settleRemote(remote, options, signal);
    settled.set(key, known);
    return known;
  };
  const remoteAt = (url: string, signal: AbortSignal): Promise<GitRemote> =>
    remoteOf(openRemote(url, options.secret), signal);

  return {
    async pinUrl(source, onBytes, signal) {
      await hold(signal);
      return pinUrl(source, urls, onBytes, signal);
    },
    async takeUrl(source, pin, to, signal) {
      await hold(signal);
      return takeUrl(source, pin, to, urls, signal);
    },
    async pinGit(source, signal) {
      const { git } = await gitStore(source.remote, signal);
      return pinGit(git, source, remoteAt, signal);
    },
    async commitTime({ remote: url }, { commit, refName }, signal) {
      const store = await gitStore(url, signal);
      const remote = await remoteAt(url, signal);
      const { gitDir } = await fetchCommit(store, remote, { commit, name: refName }, url, signal);
      const args = ['show', '--no-patch', '--format=%ct', '--end-of-options', commit];
      return Number(await store.git.run(args, { gitDir, url }, signal));
    },
    async takeGit(source, pin, into, signal) {
      const store = await gitStore(source.remote, signal);
      const url = source.remote;
      const remote = await remoteAt(url, signal);
      const mtime = source.usesCommitTime === true ? undefined : Math.floor(options.now() / 1000);
      const { subdir = '', skipsSubmodules = false } = source;
      const ref = { commit: pin.commit, name: pin.refName };
      const { secret } = options;
      const taking = { store, into, mtime, skipsSubmodules, secret, remoteOf, url, submodules: 0 };
      const fetched = await fetchCommit(store, remote, ref, url, signal);
      await takeCommit({ ...fetched, remote, subdir, at: '', depth: 0 }, taking, signal);
      // With a part of the files, git would take the others for deleted.
      if (!source.keepsGitDir || subdir !== '') return;
      const dir = join(ownDir(), randomBytes(6).toString('hex'));
      mkdirSync(dir, { mode: 0o700 });
      const { refName } = pin;
      const to = { target: into.gitDir, scratch: dir, address: shownRemote(remote), refName, url };
      await writeGitDir(store.git, fetched, to, signal);
    },
    async [Symbol.asyncDispose]() {
      await scratch?.[Symbol.asyncDispose]();
      // What was never held, as waiting for it was given up, need not be let go.
      const taken = await held?.catch(() => undefined);
      await taken?.[Symbol.asyncDispose]();
    },
  };
}

async function pinGit(
  git: GitProgram,
  source: GitSource,
  remoteAt: (url: string, signal: AbortSignal) => Promise<GitRemote>,
  signal: AbortSignal,
): Promise<GitPin> {
  const { remote: url, ref, checksum } = source;
  if (source.fetchesByCommit === true && checksum !== undefined && COMMIT.test(checksum)) {
    return { commit: checksum, refName: undefined };
  }
  const found = await resolveRef(git, await remoteAt(url, signal), ref, url, signal);
  const isExpected = (id: string | undefined): boolean =>
    checksum === undefined || id?.startsWith(checksum) === true;
  if (!isExpected(found.commit) && !isExpected(found.tag)) {
    throw gitChecksumMismatch(url, checksum ?? '', found.commit);
  }
  return { commit: found.commit, refName: found.name };
}

/** A remote where it is now. */
type FindRemote = (remote: GitRemote, signal: AbortSignal) => Promise<GitRemote>;

interface Commit {
  readonly gitDir: string;
  readonly commit: string;
  readonly remote: GitRemote;
  readonly subdir: string;
  /** Where its files go in the result. */
  readonly at: string;
  readonly depth: number;
}

interface Taking {
  readonly store: GitStore;
  readonly into: GitTarget;
  readonly mtime: number | undefined;
  readonly skipsSubmodules: boolean;
  readonly secret: RemoteSourceOptions['secret'];
  readonly remoteOf: FindRemote;
  readonly url: string;
  /** How many there were so far. */
  submodules: number;
}

async function takeCommit(from: Commit, taking: Taking, signal: AbortSignal): Promise<void> {
  const { store, into, mtime, url } = taking;
  const { remote, at, depth } = from;
  const files = { ...from, git: store.git, mtime, url };
  await into.unpack(at, commitEntries(files, signal));
  if (taking.skipsSubmodules) return;
  for (const submodule of await submodulesOf(files, signal)) {
    if (depth === MAX_SUBMODULE_DEPTH || taking.submodules++ === MAX_SUBMODULES) {
      throw gitTreeRefused(url, 'its submodules never end');
    }
    const named = submoduleRemote(remote, submodule.address, taking.secret);
    const other = await taking.remoteOf(named, signal);
    const { commit } = submodule;
    const ref = { commit, name: undefined };
    const fetched = await fetchCommit(store, other, ref, shownRemote(other), signal);
    const below = at === '' ? submodule.path : `${at}/${submodule.path}`;
    const next = { ...fetched, remote: other, subdir: '', at: below, depth: depth + 1 };
    await takeCommit(next, taking, signal);
  }
}

/** git takes one file of authorities in place of its own, so that all go into one. */
async function writeAuthorities(
  options: RemoteSourceOptions,
  ownDir: () => string,
): Promise<string | undefined> {
  const certificates = certificateOptions(options);
  const { extraCaPaths, given = [], systemCaPath = '' } = certificates;
  if (extraCaPaths.length === 0 && given.length === 0 && systemCaPath === '') return undefined;
  const path = join(ownDir(), 'authorities.pem');
  writeFileSync(path, `${(await commonAuthorities(certificates)).join('\n')}\n`, { mode: 0o600 });
  return path;
}
