import { join } from 'node:path';
import { openDiskCacheStore } from '../cache/disk-cache-store.ts';
import { DisposeStack } from '../core/dispose-stack.ts';
import type { BuildEvent, Emit } from '../events/event.ts';
import { acquirePassingLock } from '../host/lock.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { BuildHost } from './build-image.ts';
import { compareBuilds, type MadeBuild } from './compare-builds.ts';
import { notReproducible } from './errors.ts';
import type { Store } from './open-store.ts';
import type { BuildRequest } from './request.ts';
import { openScratch } from './scratch-directory.ts';

/** Takes away all but the owner's rights, where builds usually leave the rights of others. */
const OTHER_UMASK = 0o077;
/** The second build is dated this much later: times of ours that get into the image are seen. */
const CLOCK_SHIFT_MS = 25 * 60 * 60 * 1000;

/** The build to be verified, and what is needed to do it again. */
export interface VerifyDeps {
  readonly first: MadeBuild;
  /** Seconds since 1970. */
  readonly epoch: number | undefined;
  /** What the build is known by. */
  readonly id: string;
  readonly host: BuildHost;
  /** Builds once more, with another host. */
  readonly again: (request: BuildRequest, host: BuildHost) => Promise<MadeBuild>;
  /** Milliseconds since the build began. */
  readonly elapsed: () => number;
}

/**
 * Builds a request a second time and compares. The second build takes nothing of the first: it has
 * its own cache, cache mounts and directories, runs one step at a time, with another umask and a clock
 * that is ahead. What it made is removed.
 * @throws BuildError NOT_REPRODUCIBLE
 */
export async function verifyBuild(
  request: BuildRequest,
  deps: VerifyDeps,
  signal: AbortSignal,
): Promise<void> {
  const { first, epoch, id, host, elapsed } = deps;
  const task = 'verify';
  host.emit({
    type: 'task-started',
    task,
    name: 'building a second time, to compare',
    at: elapsed(),
  });
  await using opened = new DisposeStack();
  let made: MadeBuild | undefined;
  // Last of all, when the second build holds nothing any more.
  opened.defer(() => removeResults(first, made, host.store, signal));
  const second = openSecondHost(deps, opened, progressTo(host.emit, task, first));
  const umask = process.umask(OTHER_UMASK);
  try {
    made = await deps.again(secondRequest(request), second);
  } finally {
    process.umask(umask);
  }
  const found = await compareBuilds(first, made, { store: second.store, epoch }, signal);
  const difference = found?.difference;
  host.emit({ type: 'builds-compared', digest: id, difference, at: elapsed() });
  const detail = found === undefined ? 'both builds gave the same' : 'the builds differ';
  host.emit({ type: 'task-done', task, at: elapsed(), detail });
  if (found !== undefined) throw notReproducible(found.difference, found.span, epoch !== undefined);
}

/** Nothing of it is kept or sent anywhere. */
function secondRequest(request: BuildRequest): BuildRequest {
  return {
    ...request,
    isVerified: false,
    tags: [],
    outputs: ['type=cacheonly'],
    annotations: [],
    cacheFrom: [],
    cacheTo: [],
    jobs: 1,
  };
}

function openSecondHost({ host }: VerifyDeps, opened: DisposeStack, emit: Emit): BuildHost {
  const { path: root } = opened.use(openScratch(host.store.tmpDir));
  const store = opened.use(host.reopenStore());
  const use = store.use();
  opened.defer(() => use[Symbol.dispose]());
  const cache = openDiskCacheStore(join(root, 'cache'), join(store.root, 'locks'), {
    writeFileAtomic: replaceFile,
    acquireLock: acquirePassingLock,
  });
  // Layers of base images are known by their digest. What else is learnt of layers is thrown away.
  const layers = { ...store.layers, putFacts: () => undefined, putSnapshot: () => undefined };
  const now = (): number => host.now() + CLOCK_SHIFT_MS;
  return { ...host, store: { ...store, root, cache, layers }, terminal: undefined, emit, now };
}

/** Of the second build, how many of its steps are done. */
function progressTo(emit: Emit, task: string, { graph }: MadeBuild): Emit {
  const done = new Set<number>();
  return (event: BuildEvent) => {
    if (event.type !== 'op-done' && event.type !== 'op-cached') return;
    done.add(event.op);
    emit({ type: 'task-progress', task, current: done.size, total: graph.ops.length });
  };
}

/** The files of the second build; those of base images are the first's too. */
async function removeResults(
  first: MadeBuild,
  second: MadeBuild | undefined,
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  if (second === undefined) return;
  const kept = new Set(snapshotsOf(first));
  const free = snapshotsOf(second).filter((id) => !kept.has(id));
  await store.snapshots.removeAll(free);
  if (!signal.aborted) await store.snapshots.emptyTrash(signal);
}

function snapshotsOf({ solved }: MadeBuild): SnapshotId[] {
  return [...solved.values()].flatMap(({ output }) =>
    output.kind === 'snapshot' && output.id !== undefined ? [output.id as SnapshotId] : [],
  );
}
