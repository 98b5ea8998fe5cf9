import { parseDiffId } from '../core/digest.ts';
import type { ContainerConfig, Healthcheck, HistoryEntry, ImageConfig } from './config.ts';
import { invalidImage } from './errors.ts';
import { Fields } from './fields.ts';
import { parseStrictJson } from './strict-json.ts';

/** Image configs larger than this are refused unread. */
export const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/**
 * Reads an image config that another party wrote. Fields that `ImageConfig` does not have are dropped.
 * `layerCount` is the number of layers in the manifest, when there is one.
 * @throws BuildError INVALID_IMAGE when it is malformed or has another number of diff ids.
 */
export function parseConfig(
  bytes: Uint8Array,
  layerCount: number | undefined,
  what: string,
): ImageConfig {
  if (bytes.byteLength > MAX_CONFIG_BYTES) {
    throw invalidImage(what, `it is larger than ${MAX_CONFIG_BYTES} bytes`);
  }
  const fields = new Fields(parseStrictJson(bytes, what), what);
  const rootfs = fields.object('rootfs');
  if (rootfs === undefined) throw fields.fault('rootfs', 'it is missing');
  const config = fields.object('config');
  const diffIds = readDiffIds(rootfs, layerCount);
  return compact<ImageConfig>({
    architecture: fields.requiredString('architecture'),
    os: fields.requiredString('os'),
    variant: fields.string('variant'),
    'os.version': fields.string('os.version'),
    author: fields.string('author'),
    created: fields.string('created'),
    config: config === undefined ? {} : readContainerConfig(config),
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: (fields.objects('history') ?? []).map(readHistory),
  });
}

function readDiffIds(
  rootfs: Fields,
  layerCount: number | undefined,
): ImageConfig['rootfs']['diff_ids'] {
  if (rootfs.string('type') !== 'layers') throw rootfs.fault('type', 'it must be "layers"');
  const diffIds = (rootfs.strings('diff_ids') ?? []).map((text, index) => {
    const diffId = parseDiffId(text);
    if (diffId !== undefined) return diffId;
    throw rootfs.fault(`diff_ids[${index}]`, 'it must be "sha256:" and 64 lower-case hex digits');
  });
  if (layerCount !== undefined && diffIds.length !== layerCount) {
    throw rootfs.fault(
      'diff_ids',
      `it has ${diffIds.length} entries and the manifest has ${layerCount} layers`,
    );
  }
  return diffIds;
}

function readContainerConfig(fields: Fields): ContainerConfig {
  const healthcheck = fields.object('Healthcheck');
  return compact<ContainerConfig>({
    User: fields.string('User'),
    ExposedPorts: fields.keySet('ExposedPorts'),
    Env: fields.strings('Env'),
    Entrypoint: fields.strings('Entrypoint'),
    Cmd: fields.strings('Cmd'),
    Volumes: fields.keySet('Volumes'),
    WorkingDir: fields.string('WorkingDir'),
    Labels: fields.stringMap('Labels'),
    StopSignal: fields.string('StopSignal'),
    ArgsEscaped: fields.boolean('ArgsEscaped'),
    Healthcheck: healthcheck === undefined ? undefined : readHealthcheck(healthcheck),
    OnBuild: fields.strings('OnBuild'),
    Shell: fields.strings('Shell'),
  });
}

function readHealthcheck(fields: Fields): Healthcheck {
  return compact<Healthcheck>({
    Test: fields.strings('Test'),
    Interval: fields.integer('Interval'),
    Timeout: fields.integer('Timeout'),
    StartPeriod: fields.integer('StartPeriod'),
    StartInterval: fields.integer('StartInterval'),
    Retries: fields.integer('Retries'),
  });
}

function readHistory(fields: Fields): HistoryEntry {
  return compact<HistoryEntry>({
    created: fields.string('created'),
    created_by: fields.string('created_by'),
    comment: fields.string('comment'),
    author: fields.string('author'),
    empty_layer: fields.boolean('empty_layer'),
  });
}

/** Without the fields that are undefined, so that comparing and writing see the same. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as T;
}
