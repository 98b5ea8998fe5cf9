import { pullImage } from '../build/pull-image.ts';
import type { Store } from '../build/open-store.ts';
import type { RunnableImage } from '../containers/container-options.ts';
import { hostPlatform } from '../core/platform.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import type { StoredImage } from '../image/stored-image.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { CommandContext } from './command.ts';
import type { ConfigFile } from './config-file.ts';
import { imageNotRunnable } from './errors.ts';

/** An image by name or id, with its files unpacked; one that is not here is fetched. */
export async function openRunnableImage(
  name: string,
  store: Store,
  config: ConfigFile,
  context: CommandContext,
): Promise<RunnableImage> {
  if (store.images.lookup(name) === undefined) await fetchImage(name, store, config, context);
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

/** Pulls what `run` was asked to run, as Docker does. */
async function fetchImage(
  name: string,
  store: Store,
  { registries }: ConfigFile,
  context: CommandContext,
): Promise<void> {
  const { env, arch, homeDir, signal, stderr } = context;
  stderr.write(`Image "${name}" is not in the local store, fetching it\n`);
  const progress = { now: () => context.now(), onProgress: () => undefined };
  const access = { registries, env, homeDir };
  await pullImage(name, hostPlatform(arch), store, access, progress, signal);
}
