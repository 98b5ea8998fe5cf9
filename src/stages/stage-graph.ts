import type { Platform } from '../core/platform.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import type { FromInstruction, StageInstruction } from '../dockerfile/ast.ts';
import { layoutTitle } from '../image/layout-title.ts';
import type { NamedContext } from './plan-request.ts';
import type { PlannedStep } from './planned-step.ts';
import type { EpochSource } from './source-date-epoch.ts';

/** The stages that the targets need, with every name resolved and every word expanded. */
export interface StageGraph {
  /** In the order of `PlanRequest.targetPlatforms`. Stages that wait for a missing base are left out. */
  readonly targets: readonly PlannedTarget[];
  /**
   * Images whose config planning needs and was not given, each once. Resolve them and plan again
   * until this is empty: triggers of a base (ONBUILD) may name further images.
   */
  readonly missing: readonly BaseRequest[];
  readonly diagnostics: readonly Diagnostic[];
  /** Seconds since 1970: from the request, a build argument or a global ARG of the Dockerfile. */
  readonly sourceDateEpoch: number | undefined;
  /**
   * What has the time, where the build argument or ARG is a name. Ask it, and plan again with the seconds
   * as the build argument.
   */
  readonly epochSource: EpochSource | undefined;
}

export interface PlannedTarget {
  readonly platform: Platform;
  /** No platform was asked for: the image keeps the platform that its base names. */
  readonly isPlatformImplicit: boolean;
  /** In file order, so that a stage names only earlier ones. */
  readonly stages: readonly PlannedStage[];
  /** `index` of the stage to build. */
  readonly target: number;
  readonly labels: ReadonlyMap<string, string>;
  /** In both spellings that programs look for, `HTTP_PROXY=…` and `http_proxy=…`. */
  readonly proxyEnv: readonly string[];
  readonly run: RunDefaults;
}

/** What RUN steps get when they name nothing else. */
interface RunDefaults {
  readonly network: 'default' | 'none' | 'host';
  readonly extraHosts: readonly { readonly host: string; readonly address: string }[];
  readonly shmBytes: number | undefined;
  readonly cacheMountNamespace: string;
}

export interface PlannedStage {
  /** Place in the file, 0 for the first FROM. */
  readonly index: number;
  readonly name: string | undefined;
  /** What stands in `[name 1/4]`: the name, `stage-0`, or empty when it is the only one. */
  readonly label: string;
  readonly from: FromInstruction;
  readonly base: StageBase;
  readonly platform: Platform;
  /** The ONBUILD triggers of the base, before their words are expanded. */
  readonly triggers: readonly StageInstruction[];
  /** Those of the triggers come first. */
  readonly steps: readonly PlannedStep[];
  /** The n of `[name 1/n]`. */
  readonly stepCount: number;
  /** `--no-cache` or `--no-cache-filter` covers it. */
  readonly ignoresCache: boolean;
}

/** Where a stage begins. */
export type StageBase = Exclude<FileSource, { readonly kind: 'context' }>;

/** Where files are copied or mounted from. */
export type FileSource =
  | { readonly kind: 'scratch' }
  /** The main build context. */
  | { readonly kind: 'context' }
  /** Another stage, by its place in the file. */
  | { readonly kind: 'stage'; readonly index: number; readonly name: string }
  | {
      readonly kind: 'image';
      readonly key: BaseKey;
      /** Full name, e.g. `docker.io/library/alpine:3.18`. */
      readonly reference: string;
      /** Directory of the OCI layout that holds it; undefined for a registry. */
      readonly layout: string | undefined;
      readonly platform: Platform;
    }
  /** A named context that is no image. */
  | { readonly kind: 'named'; readonly name: string; readonly context: FileContext };

/** A named context that gives files and no image config. */
export type FileContext = Extract<NamedContext, { readonly type: 'local' | 'git' | 'http' }>;

/** Identity of a base image in the map given to `planStages`: name, place and platform. */
export type BaseKey = string & { readonly __baseKey: true };

/** An image that planning needs to know. */
export interface BaseRequest {
  readonly key: BaseKey;
  /** Full name with tag or digest. For a layout: its tag or digest, or the name of the context. */
  readonly reference: string;
  /** Directory of the OCI layout to look in; undefined for a registry. */
  readonly layout: string | undefined;
  readonly platform: Platform;
  /** The word that names it. */
  readonly span: Span;
  readonly why: 'base' | 'copy' | 'mount';
  /** The nearest stage name, for the hint when there is no such image. */
  readonly similar: string | undefined;
}

/** How people call a base image, or an image that is asked for. */
export function imageTitle({
  layout,
  reference,
}: Pick<BaseRequest, 'layout' | 'reference'>): string {
  return layout === undefined ? reference : layoutTitle(layout, reference);
}

/** How people call a base: the image, the stage, the context or `scratch`. */
export function baseTitle(base: StageBase): string {
  switch (base.kind) {
    case 'scratch':
      return 'scratch';
    case 'stage':
    case 'named':
      return base.name;
    case 'image':
      return imageTitle(base);
    default:
      return base satisfies never;
  }
}
