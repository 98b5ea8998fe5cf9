import type { StepAction, Variables } from './planned-step.ts';

/** What the instructions of a stage change for those after them, and for stages built on it. */
export interface StageState {
  readonly variables: Variables;
  /** Declared with ARG in the order of first declaration, with the value last declared. */
  readonly args: ReadonlyMap<string, string | undefined>;
}

/** Arguments about the build itself, which no step sees. */
const NO_VARIABLES = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/** ENV and ARG set the same variables; the one set last stands last, as in BuildKit's lists. */
export function variablesAfter(before: StageState, action: StepAction): Variables {
  if (action.kind !== 'env' && action.kind !== 'arg') return before.variables;
  const after = new Map(before.variables);
  const set = (name: string, value: string): void => {
    after.delete(name);
    after.set(name, value);
  };
  if (action.kind === 'env') for (const [name, value] of action.assignments) set(name, value);
  else {
    for (const { name, value } of action.args) {
      if (value !== undefined && !NO_VARIABLES.has(name)) set(name, value);
    }
  }
  return after;
}

/** The declared arguments after a step. */
export function argsAfter(before: StageState, action: StepAction): StageState['args'] {
  if (action.kind !== 'arg') return before.args;
  const after = new Map(before.args);
  for (const { name, value } of action.args) after.set(name, value);
  return after;
}

/** Names that are no mistake even when they are not set. */
export function declaredNames({ args }: StageState): ReadonlySet<string> {
  return new Set([...args.keys(), ...NO_VARIABLES]);
}
