import type { DockerfileAst, KeyValue, StageInstruction, StageNode, Word } from '../ast.ts';
import { expandWord, expandWords } from '../expand.ts';
import { defaultGlobals } from './global-values.ts';

/** An instruction and what its words mean there. */
export interface StageScope {
  readonly instruction: StageInstruction;
  /** Undefined when a variable in it is not known from the text, as the base image may set it. */
  readonly expand: (word: Word) => string | undefined;
  /** As `expand`, split where the values of variables have white space. */
  readonly expandAll: (word: Word) => readonly string[] | undefined;
}

type Variables = Map<string, string>;

/** The variables of every stage, as far as the text of the file gives them. */
export class StageScopes {
  readonly #ast: DockerfileAst;
  readonly #buildArgs: ReadonlyMap<string, string>;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #ends = new Map<StageNode, ReadonlyMap<string, string>>();
  readonly #bases = new Map<StageNode, StageNode>();

  constructor(ast: DockerfileAst, buildArgs: ReadonlyMap<string, string>) {
    this.#ast = ast;
    this.#buildArgs = buildArgs;
    this.#globals = defaultGlobals(ast, buildArgs);
    const byName = new Map<string, StageNode>();
    for (const stage of ast.stages) {
      const base = this.#expandWith(this.#globals, stage.from.image);
      const node = base === undefined ? undefined : byName.get(base);
      if (node !== undefined) this.#bases.set(stage, node);
      if (stage.from.name !== undefined) byName.set(stage.from.name.text, stage);
    }
  }

  /** The stage that `stage` is built on. */
  baseOf(stage: StageNode): StageNode | undefined {
    return this.#bases.get(stage);
  }

  *walk(stage: StageNode): Iterable<StageScope> {
    const variables: Variables = new Map(this.#start(stage));
    for (const instruction of stage.instructions) {
      yield {
        instruction,
        expand: (word) => this.#expandWith(variables, word),
        expandAll: (word) => this.#expandAllWith(variables, word),
      };
      this.#apply(instruction, variables);
    }
  }

  #start(stage: StageNode): ReadonlyMap<string, string> {
    // Bases stand above, so a loop from the lowest one up needs no deep stack.
    const chain: StageNode[] = [];
    for (let base = this.baseOf(stage); base !== undefined; base = this.baseOf(base)) {
      chain.push(base);
      if (this.#ends.has(base)) break;
    }
    let variables: ReadonlyMap<string, string> = new Map();
    for (const base of chain.reverse()) {
      variables = this.#ends.get(base) ?? this.#end(base, new Map(variables));
      this.#ends.set(base, variables);
    }
    return variables;
  }

  #end(stage: StageNode, variables: Variables): Variables {
    for (const instruction of stage.instructions) this.#apply(instruction, variables);
    return variables;
  }

  #apply(instruction: StageInstruction, variables: Variables): void {
    if (instruction.kind === 'arg') {
      for (const arg of instruction.args) this.#declare(arg, variables);
    } else if (instruction.kind === 'env') {
      // All values see the variables from before the instruction.
      const values = instruction.variables.map(
        ({ key, value }) => [key.raw, value && this.#expandWith(variables, value)] as const,
      );
      for (const [name, value] of values) this.#set(name, value, variables);
    }
  }

  #declare({ key, value }: KeyValue, variables: Variables): void {
    const given = this.#buildArgs.get(key.raw);
    const inherited = value === undefined ? this.#globals.get(key.raw) : undefined;
    const text = given ?? inherited ?? (value && this.#expandWith(variables, value));
    if (text !== undefined || value !== undefined) this.#set(key.raw, text, variables);
  }

  #set(name: string, value: string | undefined, variables: Variables): void {
    if (value === undefined) variables.delete(name);
    else variables.set(name, value);
  }

  #expandWith(variables: ReadonlyMap<string, string>, word: Word): string | undefined {
    const options = { escape: this.#ast.escape };
    const result = expandWord(word.raw, (name) => variables.get(name), options);
    return result.ok && result.undefinedVariables.length === 0 ? result.text : undefined;
  }

  #expandAllWith(
    variables: ReadonlyMap<string, string>,
    word: Word,
  ): readonly string[] | undefined {
    const options = { escape: this.#ast.escape };
    const result = expandWords(word.raw, (name) => variables.get(name), options);
    return result.ok && result.undefinedVariables.length === 0 ? result.words : undefined;
  }
}
