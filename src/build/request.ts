import type { Platform } from '../core/platform.ts';
import type { SshSource } from '../exec/ssh-agents.ts';
import type { ExtraHost } from '../ops/op.ts';
import type { ResourceLimit } from '../sandbox/sandbox.ts';
import type { StepLimits } from '../sandbox/step-limits.ts';

/** What a caller wants built. Plain data; the command line and the API both make one. */
export interface BuildRequest {
  readonly context: ContextRequest;
  readonly dockerfile: DockerfileRequest;
  /** Stage name or index; undefined is the last stage. */
  readonly target: string | undefined;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  /** Empty means the platform of this host. */
  readonly platforms: readonly Platform[];
  /** True for all stages, or the names of those whose steps run again. */
  readonly noCache: boolean | readonly string[];
  /** `--build-context name=value`, value as written. */
  readonly namedContexts: ReadonlyMap<string, string>;
  /** References for the local store, as written. */
  readonly tags: readonly string[];
  /** `-o` values, as written. Empty: the image goes to the local store alone. */
  readonly outputs: readonly string[];
  /** `[TYPE[PLATFORM],…:]KEY=VALUE` for every output that is an image, as written. */
  readonly annotations: readonly string[];
  /** `--cache-from` values, as written. */
  readonly cacheFrom: readonly string[];
  /** `--cache-to` values, as written. */
  readonly cacheTo: readonly string[];
  /** Build twice without cache, and fail when that does not give the same. */
  readonly isVerified: boolean;
  /** Ask the registry even when the local store has an image of that name. */
  readonly pull: boolean;
  /** Network of steps that do not say. */
  readonly network: 'default' | 'none' | 'host';
  /** Fail where steps cannot have a network of their own, instead of using the host's. */
  readonly requiresIsolatedNetwork: boolean;
  readonly addHosts: readonly ExtraHost[];
  /** Bytes of /dev/shm in a step. */
  readonly shmBytes: number;
  /** Steps at the same time; undefined lets the builder choose. */
  readonly jobs: number | undefined;
  readonly isolation: 'auto' | 'oci' | 'runc' | 'crun' | 'namespaces';
  /** Seconds since 1970 that every time in the image is clamped to. */
  readonly sourceDateEpoch: number | undefined;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** `--ssh`, by id; absolute host paths. */
  readonly ssh: ReadonlyMap<string, SshSource>;
  /** `--allow`. */
  readonly entitlements: ReadonlySet<Entitlement>;
  /** What each step may use of the host. Nothing of it enters a cache key: it decides between an error and a result. */
  readonly limits: StepLimits;
  /** `--ulimit`. */
  readonly ulimits: readonly ResourceLimit[];
  /** How long a step may take. */
  readonly stepTimeoutMs: number | undefined;
  readonly failure: FailureRequest;
}

/** What is done when a step fails. */
export interface FailureRequest {
  /** `--on-error=shell`. */
  readonly opensShell: boolean;
  /** `--export-on-error`. */
  readonly exports: readonly FailureExport[];
}

/** `--export-on-error dest=DIR[,path=PATH]`. */
export interface FailureExport {
  /** Directory of this host, from the working directory. */
  readonly dest: string;
  /** In the step, from its working directory, which is the default. */
  readonly path: string | undefined;
}

/** What a Dockerfile may only ask for when the user allows it. */
export type Entitlement =
  | 'network.host'
  | 'security.insecure'
  /** Every device of this machine. */
  | 'device'
  /** `device=NAME[,alias=OTHER]`: one device, by the name that the Dockerfile gives it. */
  | `device=${string}`;

export type ContextRequest =
  /** A directory of this host, as the user named it. */
  | { readonly kind: 'directory'; readonly path: string }
  /** No files, as for a Dockerfile on standard input. */
  | { readonly kind: 'empty' }
  /** A git repository, with `#ref:directory` or a query. */
  | { readonly kind: 'git'; readonly url: string }
  /** A tar archive behind HTTP, compressed or not, or a Dockerfile alone. */
  | { readonly kind: 'url'; readonly url: string }
  /** A tar archive, compressed or not, that is read once. `name` says where it comes from. */
  | {
      readonly kind: 'archive';
      readonly name: string;
      readonly bytes: AsyncIterable<Uint8Array>;
    };

export type DockerfileRequest =
  /**
   * `-f`, relative to the working directory, or to the context when that is no directory of this host;
   * undefined is `Dockerfile` in the context.
   */
  | { readonly kind: 'file'; readonly path: string | undefined }
  /** Given whole, for example from standard input. `name` is shown in messages. */
  | { readonly kind: 'text'; readonly name: string; readonly text: string }
  /** `-f` with an HTTP address. */
  | { readonly kind: 'url'; readonly url: string };

export type SecretSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'value'; readonly bytes: Uint8Array };
