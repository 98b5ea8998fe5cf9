import type { BuildError } from '../diagnostics/build-error.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';

/**
 * All that a build tells the outside, in order. Progress, JSON log and report read only this.
 * `op` is the op's index in the graph; `at` is milliseconds since the build began.
 */
export type BuildEvent =
  | { readonly type: 'diagnostic'; readonly diagnostic: Diagnostic }
  /** Said once per build in plain words, such as how steps are isolated. */
  | { readonly type: 'note'; readonly text: string }
  /** Work outside the graph: reading the Dockerfile, resolving a base image, exporting. */
  | {
      readonly type: 'task-started';
      readonly task: string;
      readonly name: string;
      readonly at: number;
    }
  | {
      readonly type: 'task-progress';
      readonly task: string;
      /** Bytes, or entries when `total` is undefined. */
      readonly current: number;
      readonly total: number | undefined;
    }
  | {
      readonly type: 'task-done';
      readonly task: string;
      readonly at: number;
      readonly detail: string | undefined;
    }
  | { readonly type: 'graph-planned'; readonly ops: readonly PlannedOp[]; readonly at: number }
  | { readonly type: 'op-started'; readonly op: number; readonly at: number }
  | { readonly type: 'op-cached'; readonly op: number; readonly key: string; readonly at: number }
  | { readonly type: 'op-missed'; readonly op: number; readonly because: MissReason }
  | {
      readonly type: 'op-output';
      readonly op: number;
      readonly stream: 'stdout' | 'stderr';
      readonly bytes: Uint8Array;
      readonly at: number;
    }
  | {
      readonly type: 'op-progress';
      readonly op: number;
      readonly what: string;
      readonly current: number;
      readonly total: number | undefined;
    }
  /** A step copied files of layers below without changing their contents, as chmod, chown and mv do. */
  | {
      readonly type: 'op-repeats';
      readonly op: number;
      readonly files: number;
      readonly bytes: number;
    }
  | {
      readonly type: 'op-done';
      readonly op: number;
      readonly at: number;
      /** Bytes of the files that the op added, before any compression. */
      readonly bytes: number;
    }
  | {
      readonly type: 'op-failed';
      readonly op: number;
      readonly error: BuildError;
      readonly at: number;
    }
  | { readonly type: 'stages-measured'; readonly stages: readonly StageMeasure[] }
  /** `--verify`: the image was built twice. `difference` undefined: both builds gave `digest`. */
  | {
      readonly type: 'builds-compared';
      readonly digest: string;
      readonly difference: BuildDifference | undefined;
      readonly at: number;
    }
  | { readonly type: 'image-written'; readonly image: WrittenImage; readonly at: number };

export interface PlannedOp {
  readonly op: number;
  /** `[builder 2/5] RUN go build`. */
  readonly name: string;
  readonly stage: string | undefined;
  readonly inputs: readonly number[];
}

/** Why an op was not taken from the cache. */
export type MissReason =
  | { readonly kind: 'no-cache' }
  | { readonly kind: 'never-built' }
  /** It was built like this before, and the result is not in the store any more. */
  | { readonly kind: 'removed' }
  | { readonly kind: 'changed'; readonly changes: readonly KeyChange[] };

/** One part of a cache key that differs from the nearest former result. */
export interface KeyChange {
  readonly part: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** What the part stands for, where its values alone do not tell. */
  readonly subject?: ChangeSubject | undefined;
}

/** What a part of a cache key stands for. */
export type ChangeSubject =
  /** A variable that ARG declares. */
  | { readonly kind: 'build-arg'; readonly name: string }
  /** The text of the instruction, then and now. */
  | { readonly kind: 'instruction'; readonly before: string; readonly after: string }
  /** The step that this one stands on or reads from has another result. */
  | { readonly kind: 'step'; readonly name: string }
  /** The base image, by its manifest. */
  | { readonly kind: 'image'; readonly name: string }
  /** Files that are read. `origin` as in `stage "builder"`; undefined for the build context. */
  | {
      readonly kind: 'files';
      readonly origin: string | undefined;
      /** How many differ, or undefined when the former ones are not known any more. */
      readonly count: number | undefined;
      /** The first of them, in the order of their names. */
      readonly first: readonly FileChange[];
    };

/** One file that differs from the one that was read before. */
export interface FileChange {
  /** As text; below the root of the context or stage. */
  readonly path: string;
  readonly what: 'added' | 'removed' | 'content' | 'mode' | 'owner' | 'type';
}

/** The first thing that two builds of one image differ in. */
export interface BuildDifference {
  /** `linux/amd64`. */
  readonly platform: string;
  /** Path in the image; undefined when it is no file that differs. */
  readonly path: string | undefined;
  readonly difference: FileDifference;
  /** The step that made it: `[builder 2/5] RUN go build`; undefined when it was none. */
  readonly step: string | undefined;
  /** Where the step is written. */
  readonly place: { readonly file: string; readonly line: number } | undefined;
  /** Another step whose result the step reads, and that had differed before. */
  readonly earlier: { readonly step: string; readonly path: string } | undefined;
  /** More files of the same layer that differ. */
  readonly others: number;
  /** Nothing but times differs, in the whole image. */
  readonly isTimeOnly: boolean;
}

/** What about a file differs, as text that people can read. */
export interface FileDifference {
  /**
   * `target` of a link; `config` of the image, of which `name` says the part; `source`: a base image,
   * URL or repository is not what it was.
   */
  readonly aspect:
    | 'presence'
    | 'type'
    | 'content'
    | 'target'
    | 'device'
    | 'mode'
    | 'owner'
    | 'xattr'
    | 'time'
    | 'config'
    | 'source';
  /** In the first build. Of content, some bytes from `offset` on; hexadecimal when they are no text. */
  readonly first: string;
  readonly second: string;
  /** The first byte of the content that differs. */
  readonly offset?: number | undefined;
  readonly name?: string | undefined;
}

/** What a stage weighs, took and left behind. Bytes are of files, uncompressed. */
export interface StageMeasure {
  readonly index: number;
  readonly name: string | undefined;
  readonly baseName: string;
  /** The whole file system of the stage, base included. */
  readonly totalBytes: number;
  /** What the stage's own steps added. */
  readonly addedBytes: number;
  /** Of `totalBytes`, what did not reach the target image. 0 for the target itself. */
  readonly leftBehindBytes: number;
  /** Time its own steps ran, cached ones not counted. */
  readonly durationMs: number;
  readonly isTarget: boolean;
}

export interface WrittenImage {
  /** How and where, e.g. `image app:latest` or `oci out.tar`. */
  readonly destination: string;
  readonly digest: string;
  readonly bytes: number | undefined;
  /** Of a registry: the bytes of blobs that it did not have. */
  readonly sentBytes?: number | undefined;
  /** What leads to it, where it has a manifest or an index. */
  readonly descriptor?: WrittenDescriptor | undefined;
  /** Its full names there. */
  readonly names?: readonly string[] | undefined;
}

/** Type, digest and size of a manifest or an index, as other documents name it. */
export interface WrittenDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: object | undefined;
}

/** Where events go. Never throws and never waits. */
export type Emit = (event: BuildEvent) => void;
