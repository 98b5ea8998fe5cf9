import { buildImage } from '../build/build-image.ts';
import { openBuildHost } from '../build/open-host.ts';
import type { Store } from '../build/open-store.ts';
import type { BuildRequest } from '../build/request.ts';
import type { RunnableImage } from '../containers/container-options.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import type { StoredImage } from '../image/stored-image.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { CommandContext } from './command.ts';
import type { ConfigFile } from './config-file.ts';
import { createPlainProgress } from './progress-plain.ts';
import { openProgressEnvironment } from './create-progress.ts';
import { imageNotRunnable } from './errors.ts';

/** An image by name or id, with its files unpacked; one that is not here is fetched. */
export async function openRunnableImage(
  name: string,
  store: Store,
  config: ConfigFile,
  context: CommandContext,
): Promise<RunnableImage> {
  if (store.images.lookup(name) === undefined) await fetchImage(name, store.root, config, context);
  const { image } = store.images.find(name);
  const { config: settings } = parseConfig(
    store.blobs.readBytes(image.id, MAX_CONFIG_BYTES),
    image.layers.length,
    name,
  );
  return { name, id: image.id, config: settings, snapshot: topSnapshot(name, image, store) };
}

function topSnapshot(name: string, image: StoredImage, store: Store): string | undefined {
  const top = image.layers.at(-1);
  if (top === undefined) return undefined;
  const { snapshot } = top;
  if (snapshot !== undefined && store.snapshots.get(snapshot as SnapshotId) !== undefined) {
    return snapshot;
  }
  throw imageNotRunnable(name);
}

/** Builds a Dockerfile of one line: base images are resolved, fetched and unpacked as in any build. */
async function fetchImage(
  name: string,
  root: string,
  { registries }: ConfigFile,
  context: CommandContext,
): Promise<void> {
  const { env, cwd, arch, uid, homeDir, signal, stderr } = context;
  stderr.write(`Image "${name}" is not in the local store, fetching it\n`);
  const progress = createPlainProgress(stderr, openProgressEnvironment(env));
  try {
    await using host = await openBuildHost({
      root,
      env,
      cwd,
      arch,
      uid,
      homeDir,
      registries,
      stdout: context.stdout.stream(),
      emit: progress.emit,
      now: () => context.now(),
    });
    await buildImage(requestFor(name), host, signal);
  } finally {
    progress.close();
  }
}

function requestFor(name: string): BuildRequest {
  return {
    context: { kind: 'empty' },
    dockerfile: { kind: 'text', name: 'run', text: `FROM ${name}\n` },
    target: undefined,
    buildArgs: new Map(),
    labels: new Map(),
    platforms: [],
    noCache: false,
    namedContexts: new Map(),
    tags: [name],
    outputs: [],
    pull: false,
    network: 'default',
    addHosts: [],
    shmBytes: 0,
    jobs: undefined,
    isolation: 'auto',
    sourceDateEpoch: undefined,
    secrets: new Map(),
  };
}
