import type { ContainerConfig, Healthcheck, HistoryEntry, ImageConfig } from './config.ts';
import type { Descriptor, DescriptorPlatform, ImageIndex, ImageManifest } from './manifest.ts';

/*
 * The order of fields is the one BuildKit writes (top of the config sorted, the rest as in the Go structs), so that equal
 * content gives equal bytes, and bytes a reader of other tools' images finds familiar. Maps are sorted
 * by key, as Go sorts them. Undefined fields are left out by JSON.stringify.
 */

/** Where the config has `inlineCache`. BuildKit's is under "moby.buildkit.cache.v0". */
export const INLINE_CACHE_FIELD = 'stagecraft.cache.v1';

/** The bytes of an image config. Equal configs give equal bytes; their digest is the image id. */
export function serializeConfig(config: ImageConfig): Buffer {
  return encode({
    architecture: config.architecture,
    author: config.author,
    config: containerConfig(config.config),
    created: config.created,
    history: config.history.map(historyEntry),
    os: config.os,
    'os.version': config['os.version'],
    rootfs: { type: config.rootfs.type, diff_ids: config.rootfs.diff_ids },
    [INLINE_CACHE_FIELD]: config.inlineCache,
    variant: config.variant,
  });
}

/** The bytes of an image manifest. */
export function serializeManifest(manifest: ImageManifest): Buffer {
  return encode({
    schemaVersion: manifest.schemaVersion,
    mediaType: manifest.mediaType,
    config: descriptor(manifest.config),
    layers: manifest.layers.map(descriptor),
    annotations: sortedMap(manifest.annotations),
  });
}

/** The bytes of an index: one that lists platforms, or the `index.json` of an OCI layout. */
export function serializeIndex(index: ImageIndex): Buffer {
  return encode({
    schemaVersion: index.schemaVersion,
    mediaType: index.mediaType,
    manifests: index.manifests.map(descriptor),
    annotations: sortedMap(index.annotations),
  });
}

function containerConfig(config: ContainerConfig): object {
  return {
    User: config.User,
    ExposedPorts: sortedMap(config.ExposedPorts),
    Env: config.Env,
    Entrypoint: config.Entrypoint,
    Cmd: config.Cmd,
    Volumes: sortedMap(config.Volumes),
    WorkingDir: config.WorkingDir,
    Labels: sortedMap(config.Labels),
    StopSignal: config.StopSignal,
    ArgsEscaped: config.ArgsEscaped,
    Healthcheck: config.Healthcheck && healthcheck(config.Healthcheck),
    OnBuild: config.OnBuild,
    Shell: config.Shell,
  };
}

function healthcheck(check: Healthcheck): object {
  return {
    Test: check.Test,
    Interval: check.Interval,
    Timeout: check.Timeout,
    StartPeriod: check.StartPeriod,
    StartInterval: check.StartInterval,
    Retries: check.Retries,
  };
}

function historyEntry(entry: HistoryEntry): object {
  return {
    created: entry.created,
    created_by: entry.created_by,
    author: entry.author,
    comment: entry.comment,
    empty_layer: entry.empty_layer,
  };
}

function descriptor(value: Descriptor): object {
  return {
    mediaType: value.mediaType,
    digest: value.digest,
    size: value.size,
    annotations: sortedMap(value.annotations),
    platform: value.platform && platform(value.platform),
  };
}

function platform(value: DescriptorPlatform): object {
  return {
    architecture: value.architecture,
    os: value.os,
    'os.version': value['os.version'],
    variant: value.variant,
  };
}

/** Sorted by code unit. A map that is not there stays away; an empty one stays empty. */
function sortedMap<T>(map: Readonly<Record<string, T>> | undefined): object | undefined {
  if (map === undefined) return undefined;
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  // fromEntries defines keys, so a label called "__proto__" is kept like others.
  return Object.fromEntries(entries);
}

function encode(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
