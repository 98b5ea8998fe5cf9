import { createReadStream, closeSync, fstatSync, readFileSync, statSync } from 'node:fs';
import { hashKeyParts, type KeyParts } from '../cache/cache-key.ts';
import { opParts } from '../cache/op-parts.ts';
import { bytesToText, textToBytes } from '../core/bytes.ts';
import type { DisposeStack } from '../core/dispose-stack.ts';
import { nearest } from '../core/suggest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { diskError } from '../host/disk-error.ts';
import { timeText } from '../core/time-text.ts';
import { runGitOp } from '../exec/remote-op.ts';
import { unpackContext } from '../exec/unpack-context.ts';
import { gitSource } from '../ops/lower-transfer.ts';
import type { ActiveSnapshot, SnapshotId, SnapshotInfo } from '../snapshot/snapshotter.ts';
import { withoutCredentials } from '../sources/shown-url.ts';
import { parseGitReference } from '../stages/git-reference.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { newestFile } from '../tree/newest-file.ts';
import { ROOT } from '../tree/node.ts';
import { openContent } from '../tree/open-content.ts';
import type { BuildInput, InputHost } from './build-input.ts';
import type { BuildRemotes } from './build-remotes.ts';
import { noTime, type ContextTime } from './context-time.ts';
import { contextArchiveInvalid, dockerfileNotFound, dockerfileUnreadable } from './errors.ts';
import { isArchiveFile, takeFile, urlSource, type FetchHost } from './fetched-file.ts';
import { pinSource, type PinHost } from './pin-sources.ts';
import {
  contextDirectory,
  MAX_DOCKERFILE_BYTES,
  readDockerfile,
  readWhole,
  type ReadDockerfile,
} from './read-dockerfile.ts';
import { lintIgnoreFile } from './read-ignore-file.ts';
import type { BuildRequest, ContextRequest } from './request.ts';

/** What opening works with. */
interface Work {
  readonly host: InputHost;
  readonly remotes: BuildRemotes;
  /** Closed with the build. */
  readonly opened: DisposeStack;
}

/** A context that is no directory of this host. */
type RemoteContext = Exclude<ContextRequest, { readonly kind: 'directory' | 'empty' }>;

/** What a remote context turned out to be. */
type FetchedContext = { readonly time: ContextTime } & FetchedFiles;
type FetchedFiles =
  | { readonly kind: 'files'; readonly tree: FileTree }
  /** One file that is no archive: it is the Dockerfile, and there are no other files. */
  | { readonly kind: 'dockerfile'; readonly text: string };

/** The input of a build of which some part is not on this host. */
export async function openRemoteInput(
  request: BuildRequest,
  work: Work,
  signal: AbortSignal,
): Promise<Omit<BuildInput, typeof Symbol.asyncDispose>> {
  const { context, dockerfile } = request;
  const { host } = work;
  const isHere = context.kind === 'directory' || context.kind === 'empty';
  if (isHere) {
    const path = contextDirectory(context, host.cwd);
    const fetched = await openDockerfile(dockerfile, undefined, '', work, signal);
    return {
      context: path === undefined ? { kind: 'empty' } : { kind: 'directory', path },
      contextTime: noTime,
      dockerfile: fetched,
      ignoreMatcher: lintIgnoreFile(path, undefined),
    };
  }
  const name = nameOf(context);
  const files = await fetchContext(context, request, work, signal);
  if (files.kind === 'dockerfile') {
    const source = { path: name, text: files.text };
    return {
      context: { kind: 'empty' },
      contextTime: files.time,
      dockerfile: { source, hostPath: undefined },
      ignoreMatcher: undefined,
    };
  }
  return {
    context: files,
    contextTime: files.time,
    dockerfile: await openDockerfile(dockerfile, files.tree, name, work, signal),
    ignoreMatcher: undefined,
  };
}

/** The context as it may be shown. */
function nameOf(context: RemoteContext): string {
  return withoutCredentials(context.kind === 'archive' ? context.name : context.url);
}

function fetchContext(
  context: RemoteContext,
  request: BuildRequest,
  work: Work,
  signal: AbortSignal,
): Promise<FetchedContext> {
  switch (context.kind) {
    case 'git':
      return fetchRepository(context.url, request, work, signal);
    case 'url':
      return fetchUrl(context.url, work, signal);
    case 'archive':
      return readArchive(context, work, signal);
    default:
      return context satisfies never;
  }
}

async function fetchRepository(
  url: string,
  request: BuildRequest,
  work: Work,
  signal: AbortSignal,
): Promise<FetchedContext> {
  const reference = parseGitReference(url);
  if (reference === undefined) throw new TypeError(`"${url}" is no git URL`);
  const { checksum } = reference;
  const keeps = ['1', 'true'].includes(
    request.buildArgs.get('BUILDKIT_CONTEXT_KEEP_GIT_DIR') ?? '',
  );
  const keepsGitDir = reference.keepsGitDir ?? keeps;
  const wanted = gitSource(reference, { checksum, keepsGitDir });
  const source = await pinSource(wanted, 'pin context', pinHost(work), signal);
  // The same key as of an ADD of it: either finds what the other fetched.
  const parts = opParts({ kind: 'source', source, platform: undefined });
  const { snapshots } = work.host.store;
  const deps = { snapshots, remotes: () => work.remotes.get() };
  const snapshot = await kept(parts, work, () => runGitOp(source, deps, signal), signal);
  const { pin } = source;
  const time: ContextTime = async (signal) =>
    pin && (await work.remotes.get()).commitTime(source, pin, signal);
  return { kind: 'files', tree: snapshots.tree(snapshot), time };
}

async function fetchUrl(url: string, work: Work, signal: AbortSignal): Promise<FetchedContext> {
  const { pin } = await pinSource(urlSource(url), 'pin context', pinHost(work), signal);
  if (pin === undefined) throw new TypeError(`"${url}" was not pinned`);
  // 0 is what a server says that does not know.
  const said = pin.mtime === 0 ? undefined : pin.mtime;
  const parts = { kind: 'context archive', content: pin.digest };
  const known = cached(parts, work);
  const { snapshots } = work.host.store;
  const filesOf = (snapshot: SnapshotId | undefined): FetchedContext => {
    const tree = snapshots.tree(snapshot);
    return {
      kind: 'files',
      tree,
      time: async (signal) => said ?? (await newestFile(tree, signal)),
    };
  };
  if (known !== undefined) return filesOf(known.snapshot);

  await using file = await takeFile(urlSource(url), pin, pinHost(work), signal);
  if (!isArchiveFile(file.path)) {
    const time: ContextTime = () => Promise.resolve(said);
    return { kind: 'dockerfile', text: readText(file.path, url), time };
  }
  const make = async (): Promise<{ snapshot: SnapshotId; bytes: number }> => {
    const bytes = createReadStream(file.path) as AsyncIterable<Uint8Array>;
    await using active = await snapshots.prepare(undefined, signal);
    const info = await unpack(bytes, withoutCredentials(url), active, signal);
    const { id } = await active.commit(info);
    return { snapshot: id, bytes: info.bytes };
  };
  return filesOf(await kept(parts, work, make, signal));
}

async function readArchive(
  { bytes, name }: Extract<RemoteContext, { readonly kind: 'archive' }>,
  work: Work,
  signal: AbortSignal,
): Promise<FetchedContext> {
  const { host, opened } = work;
  const { snapshots } = host.store;
  const task = 'read context';
  const startedAt = host.now();
  host.emit({ type: 'task-started', task, name: `[internal] unpack ${name}`, at: 0 });
  // Never committed, as nobody else can ask for it: it goes with the build.
  const active = opened.use(await snapshots.prepare(undefined, signal));
  await unpack(bytes, name, active, signal);
  const at = host.now() - startedAt;
  host.emit({ type: 'task-done', task, at, detail: undefined });
  const { tree } = active;
  return { kind: 'files', tree, time: (signal) => newestFile(tree, signal) };
}

async function unpack(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
  active: ActiveSnapshot,
  signal: AbortSignal,
): Promise<SnapshotInfo> {
  try {
    return await unpackContext(bytes, textToBytes(name), active, signal);
  } catch (error) {
    const codes = ['TAR_INVALID', 'COMPRESSION_INVALID', 'FILTER_FAILED'];
    const isBroken = error instanceof BuildError && codes.includes(error.code);
    throw isBroken ? contextArchiveInvalid(name, error) : (diskError(name, error) ?? error);
  }
}

function pinHost({ host, remotes }: Work): PinHost & FetchHost {
  const startedAt = host.now();
  return {
    tmpDir: host.store.tmpDir,
    remotes: () => remotes.get(),
    emit: host.emit,
    elapsed: () => host.now() - startedAt,
  };
}

function cached(
  parts: KeyParts,
  { host: { store } }: Work,
): { readonly snapshot: SnapshotId | undefined } | undefined {
  const record = store.cache.get(hashKeyParts(parts));
  if (record === undefined) return undefined;
  const snapshot = record.snapshot as SnapshotId | undefined;
  const isHere = snapshot === undefined || store.snapshots.get(snapshot) !== undefined;
  return isHere ? { snapshot } : undefined;
}

/** What is in the cache under these parts, or what `make` puts there. */
async function kept(
  parts: KeyParts,
  work: Work,
  make: () => Promise<{ readonly snapshot: SnapshotId; readonly bytes: number }>,
  signal: AbortSignal,
): Promise<SnapshotId | undefined> {
  const { store, now } = work.host;
  const key = hashKeyParts(parts);
  await using _lock = await store.cache.lock(key, signal);
  const known = cached(parts, work);
  if (known !== undefined) return known.snapshot;
  const began = work.host.now();
  const { snapshot, bytes } = await make();
  store.cache.put({
    ...{ key, resultKey: key, parts, snapshot, bytes, slot: `context\0${key}` },
    createdAt: timeText(now()),
    durationMs: now() - began,
  });
  return snapshot;
}

/** The Dockerfile: given whole, behind a URL, or in the files of the context. */
async function openDockerfile(
  wanted: BuildRequest['dockerfile'],
  tree: FileTree | undefined,
  contextName: string,
  work: Work,
  signal: AbortSignal,
): Promise<ReadDockerfile> {
  switch (wanted.kind) {
    case 'text':
      return readDockerfile(wanted, undefined, work.host.cwd);
    case 'url':
      return fetchDockerfile(wanted.url, work, signal);
    case 'file': {
      if (tree === undefined) return readDockerfile(wanted, undefined, work.host.cwd);
      return dockerfileOf(tree, wanted.path, contextName);
    }
    default:
      return wanted satisfies never;
  }
}

async function fetchDockerfile(
  url: string,
  work: Work,
  signal: AbortSignal,
): Promise<ReadDockerfile> {
  const { pin } = await pinSource(urlSource(url), 'pin dockerfile', pinHost(work), signal);
  if (pin === undefined) throw new TypeError(`"${url}" was not pinned`);
  await using file = await takeFile(urlSource(url), pin, pinHost(work), signal);
  const source = { path: withoutCredentials(url), text: readText(file.path, url) };
  return { source, hostPath: undefined };
}

/** Links are followed inside the context alone. */
function dockerfileOf(
  tree: FileTree,
  path: string | undefined,
  contextName: string,
): ReadDockerfile {
  for (const name of path === undefined ? ['Dockerfile', 'dockerfile'] : [path]) {
    const node = tree.lookup(textToBytes(`/${name}`), { followsLast: true });
    if (node === undefined) continue;
    if (node.type !== 'file') throw dockerfileUnreadable(name, `it is a ${node.type}`);
    if (node.size > MAX_DOCKERFILE_BYTES) {
      throw dockerfileUnreadable(name, `it has ${String(node.size)} bytes, which is too large`);
    }
    const fd = openContent(node);
    try {
      const text = readWhole(fd, fstatSync(fd).size).toString('utf8');
      return { source: { path: name, text }, hostPath: undefined, contextName };
    } finally {
      closeSync(fd);
    }
  }
  const root = tree.lookup(ROOT, { followsLast: true });
  const names = root === undefined ? [] : tree.list(root).map((name) => bytesToText(name));
  const similar = nearest(path ?? 'Dockerfile', names);
  throw dockerfileNotFound(
    path ?? 'Dockerfile',
    path === undefined ? 'the build context has none' : 'the build context has no such file',
    similar === undefined ? 'Name the file with -f' : `Did you mean "${similar}"?`,
  );
}

function readText(path: string, url: string): string {
  const { size } = statSync(path);
  if (size > MAX_DOCKERFILE_BYTES) {
    const found = `it has ${String(size)} bytes, which is too large`;
    throw dockerfileUnreadable(withoutCredentials(url), found);
  }
  return readFileSync(path, 'utf8');
}
