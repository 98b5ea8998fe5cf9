import type { Variables } from './planned-step.ts';

/** Arguments about the build itself, which no step sees. */
const NO_VARIABLES = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE']);

/**
 * The variables of a stage while its instructions are expanded one after the other. Steps keep
 * snapshots; the map is copied only when it changes after one was taken, since a file may set
 * thousands of variables in a row.
 */
export class StageVariables {
  #variables: Map<string, string>;
  #isShared = false;
  /** Declared with ARG in the order of first declaration, with the value last declared. */
  readonly #args: Map<string, string | undefined>;
  /** What is in the config of the image, in order of first definition. */
  readonly #imageEnv: Map<string, string>;

  /** @param variables Those of the base image. */
  constructor(variables: Variables) {
    this.#variables = new Map(variables);
    this.#args = new Map();
    this.#imageEnv = new Map(variables);
  }

  /**
   * What a stage built on this one begins with: all variables, but what the image sets goes before an
   * ARG of the same name, as in BuildKit, which sets the image's variables anew for every stage.
   */
  inherit(): StageVariables {
    const above = new StageVariables(this.#variables);
    for (const [name, value] of this.#args) above.#args.set(name, value);
    above.#imageEnv.clear();
    for (const [name, value] of this.#imageEnv) above.setEnv(name, value);
    return above;
  }

  /** To look things up now. It changes with the next `setEnv` or `declare`. */
  get current(): Variables {
    return this.#variables;
  }

  /** To be kept. */
  snapshot(): Variables {
    this.#isShared = true;
    return this.#variables;
  }

  /** ENV. */
  setEnv(name: string, value: string): void {
    this.#imageEnv.set(name, value);
    this.#set(name, value);
  }

  #set(name: string, value: string): void {
    if (this.#isShared) {
      this.#variables = new Map(this.#variables);
      this.#isShared = false;
    }
    // The one set last stands last, as in BuildKit's lists.
    this.#variables.delete(name);
    this.#variables.set(name, value);
  }

  /** ARG. Without a value the variable stays as it is. */
  declare(name: string, value: string | undefined): void {
    this.#args.set(name, value);
    if (value !== undefined && !NO_VARIABLES.has(name)) this.#set(name, value);
  }

  /** True for names that are no mistake even when they are not set. */
  isDeclared(name: string): boolean {
    return this.#args.has(name) || NO_VARIABLES.has(name);
  }

  /** Declared arguments with their present values, as the history of RUN shows them. */
  buildArgs(): [name: string, value: string][] {
    return [...this.#args].map(([name, value]) => [name, this.#variables.get(name) ?? value ?? '']);
  }
}
