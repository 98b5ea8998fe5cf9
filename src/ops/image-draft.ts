import type { Platform } from '../core/platform.ts';
import type { ContainerConfig, HistoryEntry, ImageConfig } from '../image/config.ts';
import { DEFAULT_PATH } from '../stages/plan-target.ts';

/** The image of a stage while its steps are lowered. Immutable: every step makes a new one. */
export interface ImageDraft {
  readonly architecture: string;
  readonly os: string;
  readonly variant: string | undefined;
  readonly osVersion: string | undefined;
  readonly author: string | undefined;
  readonly config: ContainerConfig;
  readonly history: readonly HistoryEntry[];
  /** How many entries of `history` came with the base image. */
  readonly baseHistory: number;
  /** CMD stands in this stage, so that ENTRYPOINT leaves it alone. */
  readonly isCmdSet: boolean;
}

/** What `FROM scratch` begins with. */
export function emptyDraft(platform: Platform): ImageDraft {
  return {
    architecture: platform.architecture,
    os: platform.os,
    variant: platform.variant,
    osVersion: platform.osVersion,
    author: undefined,
    config: { Env: [`PATH=${DEFAULT_PATH}`], WorkingDir: '/' },
    history: [],
    baseHistory: 0,
    isCmdSet: false,
  };
}

/** What a stage on a base image begins with: its config without triggers and time, and with a PATH. */
export function draftFrom(image: ImageConfig): ImageDraft {
  return {
    architecture: image.architecture,
    os: image.os,
    variant: image.variant,
    osVersion: image['os.version'],
    author: image.author,
    config: { ...image.config, Env: withPath(image.config.Env ?? []), OnBuild: undefined },
    history: image.history,
    baseHistory: image.history.length,
    isCmdSet: false,
  };
}

/** What a stage on another stage begins with. */
export function inheritDraft(base: ImageDraft): ImageDraft {
  return { ...base, config: { ...base.config, OnBuild: undefined }, isCmdSet: false };
}

/** Replaces the variable where it stands, or adds it at the end. */
export function setVariable(
  env: readonly string[],
  name: string,
  value: string,
): readonly string[] {
  const at = env.findIndex((entry) => nameOf(entry) === name);
  return at === -1 ? [...env, `${name}=${value}`] : env.with(at, `${name}=${value}`);
}

function withPath(env: readonly string[]): readonly string[] {
  return env.some((entry) => nameOf(entry) === 'PATH') ? env : [...env, `PATH=${DEFAULT_PATH}`];
}

function nameOf(entry: string): string {
  return entry.split('=', 1)[0] ?? '';
}

/** The config to store. Fields stand in the order of BuildKit's structs; what is empty is left out. */
export function imageConfigOf(draft: ImageDraft, created: string): ImageConfig {
  return {
    architecture: draft.architecture,
    os: draft.os,
    ...present('variant', draft.variant),
    ...present('os.version', draft.osVersion),
    created,
    ...present('author', draft.author),
    config: containerConfigOf(draft.config),
    rootfs: { type: 'layers', diff_ids: [] },
    history: draft.history,
  };
}

function containerConfigOf(config: ContainerConfig): ContainerConfig {
  return {
    ...present('User', config.User),
    ...present('ExposedPorts', sortedKeys(config.ExposedPorts)),
    ...present('Env', config.Env),
    ...present('Entrypoint', config.Entrypoint),
    ...present('Cmd', config.Cmd),
    ...present('Volumes', sortedKeys(config.Volumes)),
    ...present('WorkingDir', config.WorkingDir),
    ...present('Labels', sortedKeys(config.Labels)),
    ...present('StopSignal', config.StopSignal),
    ...present('ArgsEscaped', config.ArgsEscaped),
    ...present('Healthcheck', config.Healthcheck),
    ...present('OnBuild', config.OnBuild),
    ...present('Shell', config.Shell),
  };
}

/** Go writes maps with their keys in byte order. */
function sortedKeys<T>(
  record: Readonly<Record<string, T>> | undefined,
): Readonly<Record<string, T>> | undefined {
  if (record === undefined) return undefined;
  const entries = Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries);
}

/** Nothing for what Go's `omitempty` leaves out. */
function present<Name extends string, T>(
  name: Name,
  value: T | undefined,
): { readonly [Key in Name]?: T } {
  const isEmpty =
    value === undefined ||
    value === '' ||
    value === false ||
    (Array.isArray(value) && value.length === 0) ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
  return isEmpty ? {} : ({ [name]: value } as { readonly [Key in Name]?: T });
}
