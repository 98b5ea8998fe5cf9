import type { DiffId } from '../core/digest.ts';
import { formatPlatform, normalizePlatform } from '../core/platform.ts';

/**
 * The image config, field for field as stored (OCI image-spec config.md, plus the fields that Docker
 * adds: Healthcheck, OnBuild, Shell, ArgsEscaped). Optional means: left out of the JSON.
 */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string | undefined;
  readonly 'os.version'?: string | undefined;
  readonly author?: string | undefined;
  /** RFC 3339. */
  readonly created?: string | undefined;
  readonly config: ContainerConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly DiffId[] };
  readonly history: readonly HistoryEntry[];
  /** Results of the build that made it, for builds elsewhere: JSON text. Never read with a base image. */
  readonly inlineCache?: string | undefined;
}

/** What an image is for, `linux/arm64/v8`, by its config. */
export function platformText({ os, architecture, variant }: ImageConfig): string {
  return formatPlatform(normalizePlatform({ os, architecture, variant }));
}

/** How a container of the image starts. */
export interface ContainerConfig {
  readonly User?: string | undefined;
  /** Keys such as `8080/tcp`. */
  readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>> | undefined;
  /** `NAME=value`, in order of first definition. */
  readonly Env?: readonly string[] | undefined;
  readonly Entrypoint?: readonly string[] | undefined;
  readonly Cmd?: readonly string[] | undefined;
  readonly Volumes?: Readonly<Record<string, Record<string, never>>> | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Labels?: Readonly<Record<string, string>> | undefined;
  readonly StopSignal?: string | undefined;
  readonly ArgsEscaped?: boolean | undefined;
  readonly Healthcheck?: Healthcheck | undefined;
  readonly OnBuild?: readonly string[] | undefined;
  readonly Shell?: readonly string[] | undefined;
}

export interface Healthcheck {
  /** `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", text]`. */
  readonly Test?: readonly string[] | undefined;
  /** Durations in nanoseconds. */
  readonly Interval?: number | undefined;
  readonly Timeout?: number | undefined;
  readonly StartPeriod?: number | undefined;
  readonly StartInterval?: number | undefined;
  readonly Retries?: number | undefined;
}

export interface HistoryEntry {
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly comment?: string | undefined;
  readonly author?: string | undefined;
  readonly empty_layer?: boolean | undefined;
}
