import type { Digest } from '../core/digest.ts';
import type { Platform } from '../core/platform.ts';
import type { ContainerConfig } from '../image/config.ts';

/** An image that is ready to be run. */
export interface RunnableImage {
  /** As the user named it. */
  readonly name: string;
  readonly id: Digest;
  readonly config: ContainerConfig;
  /** That its programs are for. */
  readonly platform: Platform;
  /** Snapshot of its topmost layer; undefined for an image without files. */
  readonly snapshot: string | undefined;
}

/** What `stagecraft run` was asked for. Values are as on the command line. */
export interface ContainerOptions {
  readonly image: RunnableImage;
  /** Words after the image name; they replace CMD. */
  readonly command: readonly string[];
  /** Replaces ENTRYPOINT and drops CMD; empty text removes it. */
  readonly entrypoint?: string | undefined;
  readonly name?: string | undefined;
  /** `NAME=value`, or `NAME` to take it over from this process's environment. */
  readonly env: readonly string[];
  /** See `openVolume`. */
  readonly volumes: readonly string[];
  /** See `parsePort`. */
  readonly ports: readonly string[];
  readonly workdir?: string | undefined;
  readonly user?: string | undefined;
  readonly hostname?: string | undefined;
  readonly network: 'default' | 'host' | 'none';
  readonly isRemovedAtEnd: boolean;
  /** `-i`. */
  readonly isStdinOpen: boolean;
  /** `-t`. */
  readonly isTerminal: boolean;
  /** `-d`. */
  readonly isDetached: boolean;
}

/** All a container needs to start, resolved but for what depends on its files. Kept in `<id>/plan.json`. */
export interface ContainerPlan {
  readonly id: string;
  /** That its programs are for, `linux/arm64`. */
  readonly platform: string;
  readonly snapshot: string | undefined;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workdir: string;
  readonly user: string;
  readonly hostname: string;
  readonly volumes: readonly {
    readonly source: string;
    readonly target: string;
    readonly isReadonly: boolean;
    readonly type: 'file' | 'directory';
  }[];
  readonly network: 'host' | 'none' | 'own';
  readonly isRemovedAtEnd: boolean;
}
