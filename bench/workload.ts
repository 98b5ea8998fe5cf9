/** One of the situations in which builders are compared. */
export interface Workload {
  /** `W1` and so on, as in docs/performance.md. */
  readonly id: string;
  readonly title: string;
  /** Fills an empty directory with context and Dockerfile. `base` is an image reference with a shell. */
  prepare(dir: string, base: string): void;
  /** The command that is timed. */
  readonly command: 'build' | 'push' | 'pull';
  /**
   * What happens before each timed run. `cold`: the tool has never seen this Dockerfile, so each run
   * gets text of its own; `touch` has to change what is copied as well. `first`: the tool has a new store
   * with nothing but the base image in it, so it has never seen the context either. `warm`: the same
   * build ran just before.
   */
  readonly start: 'cold' | 'first' | 'warm';
  /** Each run is the very command that ran before; else each gives its image a name of its own. */
  readonly isRepeated?: boolean;
  /** Changes the context between the warm-up and a timed run; `run` counts from 0. */
  touch?(dir: string, run: number): void;
  /** A stage that is built before each timed run, so that only what builds on it is timed. */
  readonly prebuilt?: string;
  /** Runs every step again. */
  readonly noCache?: boolean;
  /** The same work with plain tools, as what the machine allows. Shell command, run in `dir`. */
  readonly limit?: { readonly title: string; readonly command: string };
}
