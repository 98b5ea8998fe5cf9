import type { TreeFacts } from './read-tree.ts';

/** What a builder made of a case. */
export type Outcome = BuiltOutcome | RefusedOutcome;

/** An image. */
export interface BuiltOutcome {
  readonly kind: 'built';
  /** The stored config as JSON. */
  readonly config: unknown;
  readonly tree: TreeFacts;
  /** Reads a file of the result by its path. */
  readonly layerDirs: readonly string[];
}

/** An error. */
export interface RefusedOutcome {
  readonly kind: 'refused';
  /** Codes of ours; empty for Docker. */
  readonly codes: readonly string[];
  readonly message: string;
  /** Lines of the Dockerfile that the errors point to. */
  readonly lines: readonly number[];
}

/** A case on disk, as both builders get it. */
export interface WrittenCase {
  /** Build context. */
  readonly contextDir: string;
  /** Dockerfile beside the context. */
  readonly dockerfile: string;
  /** The context as a tar archive, for the forms that need one; the Dockerfile is in it. */
  readonly archive: string | undefined;
  /** URL of the archive or repository, for the forms that need one. */
  readonly contextUrl: string | undefined;
  /** For mounting results. */
  readonly mountPoint: string;
  /** Host files with the values of secrets, by id. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Nanoseconds since 1970: times from here on count as new. */
  readonly startedNs: bigint;
}
