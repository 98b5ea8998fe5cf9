import { join } from 'node:path';
import type { Platform } from '../core/platform.ts';
import type { Digest } from '../core/digest.ts';
import type { HostDevices } from '../devices/host-devices.ts';
import type { Emit, StageMeasure } from '../events/event.ts';
import { ContextCopies } from '../exec/context-copies.ts';
import type { GivenAuthorities } from '../exec/step-trust.ts';
import type { PushImage } from '../export/export-image.ts';
import { inputsOf } from '../ops/op.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { SshAgents } from '../exec/ssh-agents.ts';
import type { Runnable } from '../sandbox/emulation/foreign-programs.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { StepNetworks } from '../sandbox/step-network.ts';
import type { Solver } from '../solve/solver.ts';
import type { RemoteAccess, RemoteSources } from '../sources/remote-sources.ts';
import { openBuildInput, type BuildInput } from './build-input.ts';
import { openBuildRemotes, type BuildRemotes } from './build-remotes.ts';
import { createBaseImages, type BaseImages, type BaseImageSources } from './base-images.ts';
import { openBuildLog } from './build-log.ts';
import type { MadeBuild } from './compare-builds.ts';
import { openBuildCaches, readCacheOptions } from './build-caches.ts';
import type { ClaimBlobs } from './claim-blobs.ts';
import { checkPlatforms } from './check-platforms.ts';
import { readsOf, type BuildReads } from './build-reads.ts';
import { openContexts } from './contexts.ts';
import { DisposeStack } from '../core/dispose-stack.ts';
import { checkEntitlements } from './entitlements.ts';
import { openLayerMeasurer, type LayerMeasurer } from '../layer/layer-measurer.ts';
import { createFailureHandler } from './failed-steps.ts';
import { grantDevices, type GrantedDevices } from './grant-devices.ts';
import type { FinishedImage } from './finish-image.ts';
import { finishImages, holdBaseBlobs } from './finish-images.ts';
import type { LeaveDeps } from './leave-layers.ts';
import { measureStages } from './measure-stages.ts';
import type { Store } from './open-store.ts';
import { namedContextsOf, planBuild } from './plan-build.ts';
import { dockerfileId } from './read-dockerfile.ts';
import { pushedOnly, type PushedOnly } from './pushed-only.ts';
import { readSecret } from './read-secret.ts';
import type { RegistryAccess } from './registry-access.ts';
import type { BuildRequest } from './request.ts';
import {
  createGraphSolver,
  solveGraph,
  type SolvedBuild,
  type SolveGraphDeps,
} from './solve-graph.ts';
import { stepSandboxes } from './step-sandboxes.ts';
import type { VerifyDeps } from './verify-build.ts';
import { readOutputs, resultId, writeOutputs } from './write-outputs.ts';

/** The world as a build sees it. */
export interface BuildHost {
  readonly store: Store;
  /** The same store, opened anew: it holds nothing yet. */
  reopenStore(): Store;
  /** Absolute; paths of the request start here. */
  readonly cwd: string;
  /** Value of `process.arch`. */
  readonly arch: string;
  /** Host directory for what must not stay: secrets. In memory where there is one. */
  readonly runtimeDir: string;
  readonly images: BaseImageSources;
  /** Files that lie elsewhere, fetched with what `access` gives to log in with. */
  openRemotes(access: RemoteAccess): Promise<RemoteSources>;
  /** Networks for steps. `say` is told when they have to use the host's. */
  openNetworks(mustIsolate: boolean, say: (text: string) => void): Promise<StepNetworks>;
  /** The devices that this machine describes for containers. */
  devices(): Promise<HostDevices>;
  /** Those that steps are to trust besides the image's own; undefined when none were given. */
  authorities?(): Promise<GivenAuthorities | undefined>;
  /** PATH of this process. */
  readonly searchPath: string;
  /** Where a shell in a failed step can be opened; undefined where nobody could use one. */
  readonly terminal?: BuildTerminal | undefined;
  /** For steps of a platform; opened when the first of them has to run. */
  openSandbox(
    isolation: BuildRequest['isolation'],
    platform: Platform,
    signal: AbortSignal,
  ): Promise<Sandbox>;
  /** Whether steps of a platform can run here. */
  readonly findRunnable: (platform: Platform) => Promise<Runnable>;
  /** For `-o -`. Asked for then: making it takes milliseconds. */
  readonly stdout: () => NodeJS.WritableStream;
  /** For caches in registries. */
  readonly registryAccess: RegistryAccess;
  /** Sends images to registries; without it outputs that ask for that are refused. */
  readonly push?: PushImage | undefined;
  /** Finds out which layers need not be sent; without it all of them are fetched. */
  readonly claim?: ClaimBlobs | undefined;
  readonly emit: Emit;
  /** Told at the end how to find out what the result depends on, which undefined is where it cannot be told. */
  readonly noteReads?: ((reads: () => BuildReads | undefined) => void) | undefined;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Standard input and output, to be used by one at a time. */
export interface BuildTerminal {
  /** Nothing else is written while `work` goes on. It is told whether this is a terminal. */
  borrow(work: (isTerminal: boolean) => Promise<void>): Promise<void>;
}

/** What a build made. */
export interface BuildResult {
  /** Image id; for several platforms, that of their index in the local store. */
  readonly id: Digest;
  /** One per platform. */
  readonly images: readonly FinishedImage[];
  readonly stages: readonly StageMeasure[];
  /** What this build is known by to `builds` and `explain`. */
  readonly buildId: string;
}

/**
 * Builds a Dockerfile: the whole product, one station a line.
 *
 *   text ─parse, plan, lower─► OpGraph ─solve─► snapshots ─finish─► image ─write─► store and outputs
 *
 * Only what the target needs is resolved, fetched and run. When it fails or is aborted, nothing that it
 * started is left running, and the store holds the results of the steps that were finished.
 * @throws BuildError, AggregateError of them, or the signal's reason
 */
export async function buildImage(
  asked: BuildRequest,
  host: BuildHost,
  signal: AbortSignal,
): Promise<BuildResult> {
  const request = asked.isVerified ? { ...asked, noCache: true, cacheFrom: [] } : asked;
  await using remotes = openBuildRemotes(request, host);
  await using input = await openBuildInput(request, host, remotes, signal);
  const about = { dockerfile: dockerfileId(input.dockerfile), target: request.target };
  const log = openBuildLog(host.store, about, { ...host, startedAt: host.now() }, signal);
  try {
    const noted = { ...host, emit: log.emit };
    const { id, images, stages } = await buildStations(
      request,
      { input, remotes, buildId: log.id },
      noted,
      signal,
    );
    log.close(undefined);
    return { id, images, stages, buildId: log.id };
  } catch (error) {
    log.close(error);
    throw error;
  }
}

/** What a build begins with, and is known by. */
interface BegunBuild {
  readonly input: BuildInput;
  readonly remotes: BuildRemotes;
  readonly buildId: string;
}

async function buildStations(
  request: BuildRequest,
  begun: BegunBuild,
  host: BuildHost,
  signal: AbortSignal,
): Promise<Omit<BuildResult, 'buildId'> & MadeBuild> {
  const { store, emit } = host;
  const { input, remotes, buildId } = begun;
  const startedAt = host.now();
  const elapsed = (): number => host.now() - startedAt;

  const outputs = await readOutputs(request);
  const cacheOptions = await readCacheOptions(request, host.cwd);
  const bases = createBaseImages(host.images, request.pull, emit, elapsed);
  const { dockerfile } = input;
  const about = { ...input, tmpDir: store.tmpDir, now: startedAt, elapsed };
  const planHost = { ...host, ...about, remotes: () => remotes.get() };
  const planned = await planBuild(dockerfile.source, request, bases, planHost, signal);
  const { graph, sourceDateEpoch: epoch } = planned;
  checkEntitlements(graph, request);
  const devices = await grantDevices(graph, request, {
    devices: () => host.devices(),
    note: (text) => emit({ type: 'note', text }),
  });
  announce(graph, emit, elapsed());

  const contexts = openContexts(
    input,
    namedContextsOf(request),
    store.root,
    host.cwd,
    () => host.now(),
    emit,
  );
  await using opened = new DisposeStack();
  const measurer = opened.use(openLayerMeasurer());

  const cacheDeps = { ...host, access: host.registryAccess, graph, bases, elapsed };
  await using caches = await openBuildCaches(cacheOptions, cacheDeps, signal);
  const only = pushedOnly(request, outputs, store);
  const solverDeps: Omit<SolveGraphDeps, 'runner'> = {
    store,
    contexts,
    imports: caches.imports,
    emit,
    ...measureEarly(graph, measurer, store, epoch),
    leave: only && leaving(only, { ...cacheDeps, imports: caches.imports, epoch }),
    jobs: request.jobs,
    dockerfileId: dockerfileId(dockerfile),
    buildId,
    now: () => host.now(),
    elapsed,
  };
  const openSolver = (): Solver =>
    createGraphSolver(graph, { ...solverDeps, emit: () => undefined });
  await checkPlatforms(graph, host, openSolver, signal);
  holdBaseBlobs(graph, bases, store);
  const runner = stepRunner(request, host, { bases, remotes, elapsed, opened, devices }, signal);
  const build = await solveGraph(graph, { ...solverDeps, runner }, signal);

  // The disk is written while layers are measured.
  const onDisk = store.snapshots.flush();
  const written = onDisk.catch(() => undefined);
  opened.defer(() => written);
  const finishing = { ...host, graph, bases, measurer, caches, outputs, epoch, startedAt };
  const images = await finishImages(build, finishing, signal);
  const stages = weighStages(images, graph, build, store);
  await onDisk;
  const id = resultId(images);
  const made = { graph, solved: build.solved, images };
  if (request.isVerified) {
    const { verifyBuild } = await import('./verify-build.ts');
    const again: VerifyDeps['again'] = (second, itsHost) =>
      buildStations(second, begun, itsHost, signal);
    await verifyBuild(request, { first: made, epoch, id, host, again, elapsed }, signal);
  }
  await writeOutputs(images, request, outputs, { ...host, bases, epoch, elapsed }, signal);
  await caches.write(build.records, signal);
  emit({ type: 'stages-measured', stages });
  const { noteReads, cwd } = host;
  noteReads?.(() =>
    readsOf(request, { ...input, contexts, planned, bases, build, images, store, cwd }),
  );
  return { id, stages, ...made };
}

/** Has layers of the images measured while later steps run. */
function measureEarly(
  graph: OpGraph,
  measurer: LayerMeasurer,
  { snapshots }: Store,
  epoch: number | undefined,
): Pick<SolveGraphDeps, 'onLargeFileOp' | 'onSnapshot'> {
  const layerOps = new Set(graph.targets.flatMap(({ layers }) => layers));
  return {
    onLargeFileOp(op) {
      if (layerOps.has(op)) measurer.prepare();
    },
    onSnapshot(op, id, bytes) {
      const dir = layerOps.has(op) ? snapshots.get(id)?.dir : undefined;
      if (dir !== undefined) measurer.expect(dir, { clampMtime: epoch }, bytes);
    },
  };
}

/** What lies elsewhere cannot be weighed, nor what was left behind for it. */
function weighStages(
  images: readonly FinishedImage[],
  graph: OpGraph,
  { solved }: SolvedBuild,
  { snapshots }: Store,
): readonly StageMeasure[] {
  return images.every(({ isHere }) => isHere) ? measureStages(graph, solved, snapshots) : [];
}

/** Loaded only when layers are not here. */
function leaving(
  only: PushedOnly,
  { claim, ...deps }: Omit<LeaveDeps, 'claim'> & Pick<BuildHost, 'claim'>,
): SolveGraphDeps['leave'] {
  if (claim === undefined) return undefined;
  return async (op, record, signal) => {
    const { leaveLayers } = await import('./leave-layers.ts');
    return leaveLayers(op, record, only, { ...deps, claim }, signal);
  };
}

function announce(graph: OpGraph, emit: Emit, at: number): void {
  const ops = graph.ops.map((each, op) => {
    const { name = '', stage } = graph.metadata[op] ?? {};
    return { op, name, stage, inputs: inputsOf(each) };
  });
  emit({ type: 'graph-planned', ops, at });
}

/** What a build holds open while it runs. */
interface OpenedBuild {
  readonly bases: BaseImages;
  readonly remotes: BuildRemotes;
  readonly elapsed: () => number;
  readonly devices: GrantedDevices;
  /** Closed with the build. */
  readonly opened: DisposeStack;
}

/** Everything that running a step needs. Sandboxes are probed once a platform, and only if a step runs. */
function stepRunner(
  request: BuildRequest,
  host: BuildHost,
  { bases, remotes, elapsed, opened, devices }: OpenedBuild,
  signal: AbortSignal,
): Parameters<typeof solveGraph>[1]['runner'] {
  const { store, emit } = host;
  let networks: Promise<StepNetworks> | undefined;
  let agents: Promise<SshAgents> | undefined;
  let authorities: Promise<GivenAuthorities | undefined> | undefined;
  return {
    snapshots: store.snapshots,
    contextCopies: opened.use(new ContextCopies()),
    blobs: store.blobs,
    layers: store.layers,
    lock: (name, signal) => store.lock(name, signal),
    openLayer: (...layer) => bases.openLayer(...layer),
    baseImage: (op) => bases.ofOp(op),
    remotes: () => remotes.get(),
    sandbox: stepSandboxes(
      (platform) => host.openSandbox(request.isolation, platform, signal),
      request.limits,
      (text) => emit({ type: 'note', text }),
    ),
    networks: () => (networks ??= openNetworks(request, host, opened)),
    emit,
    elapsed,
    shmBytes: request.shmBytes,
    limits: request.limits,
    ulimits: request.ulimits,
    stepTimeoutMs: request.stepTimeoutMs,
    onStepFailed: createFailureHandler(request.failure, host, signal),
    cacheMountDir: join(store.root, 'mounts'),
    runtimeDir: host.runtimeDir,
    networkFileDir: join(store.root, 'network'),
    authorities: () => (authorities ??= host.authorities?.() ?? Promise.resolve(undefined)),
    secret: (id) => readSecret(request, id),
    devices: (name) => devices.get(name) ?? [],
    sshAgents: () => (agents ??= openSshAgents(request, host, opened)),
  };
}

async function openNetworks(
  { requiresIsolatedNetwork }: BuildRequest,
  host: BuildHost,
  opened: DisposeStack,
): Promise<StepNetworks> {
  const say = (text: string): void => host.emit({ type: 'note', text });
  return opened.use(await host.openNetworks(requiresIsolatedNetwork, say));
}

async function openSshAgents(
  request: BuildRequest,
  { runtimeDir }: BuildHost,
  opened: DisposeStack,
): Promise<SshAgents> {
  const { createSshAgents } = await import('../exec/ssh-agents.ts');
  return opened.use(createSshAgents(request.ssh, runtimeDir));
}
