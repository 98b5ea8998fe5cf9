import { pullImage } from '../build/pull-image.ts';
import type { Store } from '../build/open-store.ts';
import type { RunnableImage } from '../containers/container-options.ts';
import {
  findForPlatform,
  formatPlatform,
  normalizePlatform,
  type Platform,
} from '../core/platform.ts';
import type { ImageConfig } from '../image/config.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import type { StoredImage } from '../image/stored-image.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { CommandContext } from './command.ts';
import type { ConfigFile } from './config-file.ts';
import { imageNotRunnable } from './errors.ts';
import { readPlatform } from './platform-flag.ts';

/**
 * An image by name or id, with its files unpacked; one that is not here is fetched. Of several platforms
 * the one of `--platform`, else the one of this host.
 */
export async function openRunnableImage(
  name: string,
  platformFlag: string | undefined,
  store: Store,
  config: ConfigFile,
  context: CommandContext,
): Promise<RunnableImage> {
  const platform = readPlatform(platformFlag ?? 'local', context.arch);
  const isFound = (): boolean => {
    const image = store.images.lookup(name, platform);
    // An image of another platform is what its name says, unless a platform is asked for.
    if (image === undefined || platformFlag === undefined) return image !== undefined;
    const own = formatPlatform(platformOf(readConfig(image, name, store)));
    return findForPlatform([own], platform) !== undefined;
  };
  if (!isFound()) await fetchImage(name, platform, store, config, context);
  const { image } = store.images.find(name, platform);
  const stored = readConfig(image, name, store);
  return {
    name,
    id: image.id,
    config: stored.config,
    platform: platformOf(stored),
    snapshot: topSnapshot(name, image, store),
  };
}

function readConfig(image: StoredImage, name: string, store: Store): ImageConfig {
  const bytes = store.blobs.readBytes(image.id, MAX_CONFIG_BYTES);
  return parseConfig(bytes, image.layers.length, name);
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return normalizePlatform({ os, architecture, variant });
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
  platform: Platform,
  store: Store,
  { registries, caCerts }: ConfigFile,
  context: CommandContext,
): Promise<void> {
  const { env, homeDir, signal, stderr } = context;
  stderr.write(`Image "${name}" is not in the local store, fetching it\n`);
  const progress = { now: () => context.now(), onProgress: () => undefined };
  const access = { registries, env, homeDir, caCerts };
  await pullImage(name, platform, store, access, progress, signal);
}
