import type { OpId } from '../ops/op.ts';
import type { ProcessExit, SandboxIo, SandboxMount } from '../sandbox/sandbox.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import type { FileTree } from '../tree/file-tree.ts';

/** A step that failed, while everything it had is still there. */
export interface FailedStep {
  readonly op: OpId;
  readonly error: BuildError;
  /** The last of what it printed. */
  readonly output: string;
  /** Its file system as it left it, without what was mounted. */
  readonly files: FileTree;
  /** Absolute path in `files`. */
  readonly workdir: string;
  /**
   * Runs another program in its place: the same file system, environment, user, mounts and limits, but
   * for how long it may take. `mounts` are further ones, with targets in /dev.
   */
  run(
    args: readonly string[],
    mounts: readonly SandboxMount[],
    io: SandboxIo,
    signal: AbortSignal,
  ): Promise<ProcessExit>;
}
