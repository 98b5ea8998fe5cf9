import type { Platform } from '../core/platform.ts';
import type { ContainerConfig, Healthcheck, HistoryEntry, ImageConfig } from '../image/config.ts';
import { DEFAULT_PATH } from '../stages/base-variables.ts';

/**
 * The image of a stage while its steps are lowered, one step after the other. It is changed in
 * place, since a file may have very many steps; a stage on top begins with a copy.
 */
export interface ImageDraft {
  readonly platform: Platform;
  author: string | undefined;
  /** `NAME=value` by name, in order of first definition. */
  readonly env: Map<string, string>;
  readonly labels: Map<string, string>;
  /** Keys such as `8080/tcp`. */
  readonly ports: Set<string>;
  readonly volumes: Set<string>;
  readonly onbuild: string[];
  user: string;
  workdir: string;
  entrypoint: readonly string[];
  cmd: readonly string[];
  shell: readonly string[];
  stopSignal: string;
  argsEscaped: boolean;
  healthcheck: Healthcheck | undefined;
  readonly history: HistoryEntry[];
  /** How many entries of `history` came with the base image. */
  readonly baseHistory: number;
  /** CMD stands in this stage, so that ENTRYPOINT leaves it alone. */
  isCmdSet: boolean;
}

/** What `FROM scratch` begins with. */
export function emptyDraft(platform: Platform): ImageDraft {
  const { os, architecture } = platform;
  const rootfs = { type: 'layers', diff_ids: [] } as const;
  const config = { WorkingDir: '/' };
  return { ...draftFrom({ os, architecture, config, rootfs, history: [] }), platform };
}

/** What a stage on a base image begins with: its config without triggers and time, and with a PATH. */
export function draftFrom(image: ImageConfig): ImageDraft {
  const { config, history, os, architecture, variant } = image;
  const env = new Map((config.Env ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry]));
  if (!env.has('PATH')) env.set('PATH', `PATH=${DEFAULT_PATH}`);
  return {
    platform: { os, architecture, variant, osVersion: image['os.version'] },
    author: image.author,
    env,
    labels: new Map(Object.entries(config.Labels ?? {})),
    ports: new Set(Object.keys(config.ExposedPorts ?? {})),
    volumes: new Set(Object.keys(config.Volumes ?? {})),
    onbuild: [],
    user: config.User ?? '',
    workdir: config.WorkingDir ?? '',
    entrypoint: config.Entrypoint ?? [],
    cmd: config.Cmd ?? [],
    shell: config.Shell ?? [],
    stopSignal: config.StopSignal ?? '',
    argsEscaped: config.ArgsEscaped ?? false,
    healthcheck: config.Healthcheck,
    history: [...history],
    baseHistory: history.length,
    isCmdSet: false,
  };
}

/** What a stage on another stage begins with. Its triggers have run and are not passed on. */
export function inheritDraft(base: ImageDraft): ImageDraft {
  return {
    ...base,
    env: new Map(base.env),
    labels: new Map(base.labels),
    ports: new Set(base.ports),
    volumes: new Set(base.volumes),
    onbuild: [],
    history: [...base.history],
    isCmdSet: false,
  };
}

/** The config to store. Fields stand in the order of BuildKit's structs; what is empty is left out. */
export function imageConfigOf(draft: ImageDraft, platform: Platform, created: string): ImageConfig {
  return {
    architecture: platform.architecture,
    os: platform.os,
    ...given('variant', platform.variant),
    ...given('os.version', platform.osVersion),
    created,
    ...given('author', draft.author),
    config: containerConfigOf(draft),
    rootfs: { type: 'layers', diff_ids: [] },
    history: draft.history,
  };
}

function containerConfigOf(draft: ImageDraft): ContainerConfig {
  return {
    ...given('User', draft.user),
    ...given('ExposedPorts', emptyObjects(draft.ports)),
    ...given('Env', [...draft.env.values()]),
    ...given('Entrypoint', draft.entrypoint),
    ...given('Cmd', draft.cmd),
    ...given('Volumes', emptyObjects(draft.volumes)),
    ...given('WorkingDir', draft.workdir),
    ...given('Labels', Object.fromEntries([...draft.labels].sort(byName))),
    ...given('StopSignal', draft.stopSignal),
    ...given('ArgsEscaped', draft.argsEscaped),
    ...given('Healthcheck', draft.healthcheck),
    ...given('OnBuild', draft.onbuild),
    ...given('Shell', draft.shell),
  };
}

function emptyObjects(names: ReadonlySet<string>): Record<string, Record<string, never>> {
  return Object.fromEntries([...names].sort().map((name) => [name, {}]));
}

/** Go writes maps with their keys in byte order. */
function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Nothing for what Go's `omitempty` leaves out. */
function given<Name extends string, T>(
  name: Name,
  value: T | undefined,
): { readonly [Key in Name]?: T } {
  const isEmpty =
    value === undefined ||
    value === '' ||
    value === false ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return isEmpty ? {} : ({ [name]: value } as { readonly [Key in Name]?: T });
}
