import type { Platform } from '../core/platform.ts';

/** All that planning takes from the command line or the API, in place of globals. */
export interface PlanRequest {
  /** `--target`: the name of a stage, or its index. Undefined is the last stage. */
  readonly target?: string | undefined;
  /** `--build-arg`, proxy settings included. */
  readonly buildArgs: ReadonlyMap<string, string>;
  /** `--platform`. Empty: the platform of the build, and the image keeps what its base says of itself. */
  readonly targetPlatforms: readonly Platform[];
  /** Where RUN steps run unless FROM names another platform. */
  readonly buildPlatform: Platform;
  /** `--label`: set on the image of the target after all else. */
  readonly labels?: ReadonlyMap<string, string> | undefined;
  /** `--build-context`, by name; a name may end in `::os/arch`. */
  readonly namedContexts?: ReadonlyMap<string, NamedContext> | undefined;
  /** `--no-cache` is true, `--no-cache-filter` a list of stage names. */
  readonly noCache?: boolean | readonly string[] | undefined;
  /** Seconds since 1970. The build argument SOURCE_DATE_EPOCH goes before it. */
  readonly sourceDateEpoch?: number | undefined;
  /** `--network`: for RUN steps that name no network. */
  readonly network?: 'default' | 'none' | 'host' | undefined;
  /** `--add-host`, for every RUN step. */
  readonly extraHosts?: readonly { readonly host: string; readonly address: string }[] | undefined;
  /** `--shm-size` in bytes, for every RUN step. */
  readonly shmBytes?: number | undefined;
  /** BUILDKIT_CACHE_MOUNT_NS: goes before the id of every cache mount. The build argument goes before it. */
  readonly cacheMountNamespace?: string | undefined;
}

/** What a name given with `--build-context` stands for. */
export type NamedContext =
  /** `docker-image://reference`. */
  | { readonly type: 'image'; readonly reference: string }
  /** `oci-layout://path[:tag]@digest`. */
  | {
      readonly type: 'oci-layout';
      /** Directory of the layout, as the user gave it. */
      readonly path: string;
      readonly tag: string | undefined;
      readonly digest: string | undefined;
    }
  /** A directory of this machine. The op names it by the name of the context, the build knows the path. */
  | { readonly type: 'local'; readonly path: string }
  /** A git URL with `#ref:subdir` or a query. */
  | { readonly type: 'git'; readonly url: string }
  /** A tar archive, which is unpacked, or one file. */
  | { readonly type: 'http'; readonly url: string }
  /** `target:name`: a stage of the same Dockerfile. */
  | { readonly type: 'stage'; readonly name: string };
