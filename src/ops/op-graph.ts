import type { Platform } from '../core/platform.ts';
import type { ImageConfig } from '../image/config.ts';
import type { Op, OpId, OpMetadata } from './op.ts';

/** All ops of a build in build order, and what the build wants of them. */
export interface OpGraph {
  readonly ops: readonly Op[];
  /** Same index as `ops`. */
  readonly metadata: readonly OpMetadata[];
  /** One per platform; one for most builds. */
  readonly targets: readonly TargetImage[];
  /** What each reachable stage ends with, for size reports; in file order. */
  readonly stages: readonly StageResult[];
}

/** The image that a target becomes, but for the layers, which are known once it is solved. */
export interface TargetImage {
  readonly platform: Platform;
  /** Undefined when the file system is empty (FROM scratch and no files). */
  readonly root: OpId | undefined;
  /** `rootfs.diff_ids` and the base image's layers are filled in by the assembler. */
  readonly config: ImageConfig;
  /**
   * For each history entry of `config` that is not an empty layer and was added by this build, the op
   * whose snapshot is that layer, in order. Entries of the base image come before and are not listed.
   * For `COPY --link` that is the file op on scratch, not the merge op that puts it on the stage.
   */
  readonly layers: readonly OpId[];
  /** How many entries of `config.history` are the base image's; this build added the others. */
  readonly baseHistory: number;
  /** The op that yields the base image's files, when there is one. */
  readonly base: OpId | undefined;
}

export interface StageResult {
  readonly index: number;
  readonly name: string | undefined;
  readonly platform: Platform;
  /** Reference of the base as resolved, or the name of the stage it is built on; `scratch`. */
  readonly baseName: string;
  readonly root: OpId | undefined;
  /** The ops that this stage itself added, in order. */
  readonly ops: readonly OpId[];
}
