import type { CreatedContainer } from './create-container.ts';
import { noTerminal } from './errors.ts';
import { runContainer, type RunContainerDeps } from './run-container.ts';

export interface ForegroundOptions {
  /** `-i`: the container reads our standard input. */
  readonly isStdinOpen: boolean;
  /** `-t`: it gets a terminal that is joined to ours. */
  readonly isTerminal: boolean;
  /** Whether our standard input is a terminal. */
  readonly hasTerminal: boolean;
  /** Output of a container that has neither `-i` nor `-t`; others write to ours themselves. */
  readonly onOutput: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void;
}

/**
 * Runs a container to its end, joined to this process's own input and output, and gives its exit
 * status. What it writes is in its log as well, unless it has `-i` or `-t`.
 *
 * @throws BuildError NO_TERMINAL, and what `runContainer` throws
 */
export async function runForeground(
  container: CreatedContainer,
  options: ForegroundOptions,
  deps: RunContainerDeps,
  signal: AbortSignal,
): Promise<number> {
  const { isStdinOpen, isTerminal } = options;
  if (isTerminal) {
    if (!options.hasTerminal) throw noTerminal();
    return runContainer(container, { kind: 'terminal' }, deps, signal);
  }
  if (isStdinOpen) return runContainer(container, { kind: 'inherit', isStdinOpen }, deps, signal);
  const { onOutput } = options;
  return runContainer(container, { kind: 'captured', onOutput }, deps, signal);
}
