import { basename, dirname, join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { blobPath } from '../content/blob-path.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { SeenFile } from '../tree/file-tree.ts';
import type { BaseImages, ResolvedTag } from './base-images.ts';
import type { BuildContexts } from './contexts.ts';
import type { FinishedImage } from './finish-image.ts';
import type { Store } from './open-store.ts';
import type { PlannedBuild } from './plan-build.ts';
import { contextDirectory, dockerfileId, type ReadDockerfile } from './read-dockerfile.ts';
import { ignoreFilePaths } from './read-ignore-file.ts';
import type { BuildRequest } from './request.ts';
import type { SolvedBuild } from './solve-graph.ts';

/**
 * What the result of a build depends on besides its request and this program: as long as all of it is as it
 * was, the same build gives the same.
 */
export interface BuildReads {
  /** Places in build contexts, as they were when they were looked at. */
  readonly seen: Iterable<SeenFile>;
  /** The main context as it was named, a host path; undefined when it is empty. */
  readonly context: string | undefined;
  /** Host paths that were read, or looked for. */
  readonly paths: readonly string[];
  /** What registries said that tags are. */
  readonly tags: readonly ResolvedTag[];
  /** The Dockerfile, as its store knows it. */
  readonly dockerfile: string;
}

/** The stations of a build, by what they read. */
export interface BuildStations {
  readonly dockerfile: ReadDockerfile;
  readonly contexts: BuildContexts;
  readonly planned: PlannedBuild;
  readonly bases: BaseImages;
  readonly build: SolvedBuild;
  readonly images: readonly FinishedImage[];
  readonly store: Store;
  readonly cwd: string;
}

/**
 * What a build has read that took everything from the cache; undefined where something was read that cannot be
 * looked at again: a URL, a repository, secrets, contexts that were forgotten meanwhile.
 */
export function readsOf(request: BuildRequest, stations: BuildStations): BuildReads | undefined {
  const { planned, contexts, bases, dockerfile, store, cwd } = stations;
  const { context, namedContexts, secrets, ssh } = request;
  const { hostPath } = dockerfile;
  const isHere = context.kind === 'directory' || context.kind === 'empty';
  const isOther = namedContexts.size + secrets.size + ssh.size > 0;
  if (!isHere || isOther || hostPath === undefined || readsElsewhere(planned)) return undefined;
  const seen = contexts.seen();
  if (seen === undefined) return undefined;
  const directory = contextDirectory(context, cwd);
  return {
    seen,
    context: directory,
    paths: [
      ...dockerfilePaths(hostPath, directory ?? cwd),
      ...(directory === undefined ? [] : ignoreFilePaths(directory, hostPath)),
      ...storePaths(stations),
    ],
    tags: bases.tags(),
    dockerfile: dockerfileId(dockerfile),
  };

  function storePaths({ build, images }: BuildStations): string[] {
    const records = [...build.records.values()].map(({ key }) => store.cache.recordPath(key));
    const roots = [...build.solved.values()].map(({ output }) => output);
    const snapshots = new Set(
      roots.flatMap((output) =>
        output.kind === 'snapshot' && output.id !== undefined
          ? store.snapshots.chain(output.id as SnapshotId).map(({ dir }) => dirname(dir))
          : [],
      ),
    );
    const blobs = new Set([
      ...[...bases.resolved.values()].flatMap(digestsOf),
      ...images.flatMap(({ layers }) => layers.flatMap(({ blob }) => blob?.digest ?? [])),
      ...images.map(({ id }) => id),
    ]);
    return [
      join(store.root, 'images.json'),
      ...records,
      ...[...snapshots].map((path) => join(path, 'record.json')),
      ...[...blobs].map((digest) => blobPath(store.root, digest)),
    ];
  }
}

/** True where a step, or the date of the image, comes of something that is neither here nor in a registry. */
function readsElsewhere({ graph, asksForTime }: PlannedBuild): boolean {
  return asksForTime || !graph.ops.every(isPlain);
}

function isPlain(op: OpGraph['ops'][number]): boolean {
  return op.kind !== 'source' || op.source.type === 'local' || op.source.type === 'image';
}

/** Where `Dockerfile` would be found, `dockerfile` was the second place to look. */
function dockerfilePaths(hostPath: string, directory: string): string[] {
  const isSecond = basename(hostPath) === 'dockerfile';
  return isSecond ? [hostPath, join(directory, 'Dockerfile')] : [hostPath];
}

function digestsOf({ manifestDigest, configDigest, layers }: BaseImage): Digest[] {
  return [manifestDigest, configDigest, ...layers.map(({ digest }) => digest)];
}
