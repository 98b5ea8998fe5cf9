import { callFunction, listOf } from './functions.ts';
import { goText, isRecord, isTrue, sortedEntries } from './go-text.ts';
import type { Base, Command, Node, Operand, Pipeline } from './parse.ts';
import type { Fault } from './tokens.ts';

/** Longer results come of a template that repeats itself, not of something to be shown. */
const MAX_OUTPUT_CHARS = 64 * 1024 * 1024;

/** Variables of a block, and those around it. */
interface Scope {
  readonly variables: Map<string, unknown>;
  readonly outer: Scope | undefined;
}

/**
 * Renders a parsed template for one value. Fields that are not set are nothing, as in Docker's structures;
 * of the value itself, unknown ones are faults.
 */
export function renderTemplate(nodes: readonly Node[], value: unknown, fault: Fault): string {
  const renderer = new Renderer(value, fault);
  renderer.list(nodes, value, { variables: new Map([['$', value]]), outer: undefined });
  return renderer.text;
}

class Renderer {
  readonly #root: unknown;
  readonly #fault: Fault;
  text = '';

  constructor(root: unknown, fault: Fault) {
    this.#root = root;
    this.#fault = fault;
  }

  list(nodes: readonly Node[], dot: unknown, scope: Scope): void {
    for (const node of nodes) {
      if (this.text.length > MAX_OUTPUT_CHARS) throw this.#fault('its result is too long');
      if (node.kind === 'text') this.text += node.text;
      else if (node.kind === 'value') this.#value(node.pipeline, dot, scope);
      else this.#block(node, dot, scope);
    }
  }

  #value(pipeline: Pipeline, dot: unknown, scope: Scope): void {
    const value = this.#pipeline(pipeline, dot, scope);
    const [name] = pipeline.variables;
    if (name === undefined) this.text += goText(value);
    else this.#set(name, value, pipeline.declares, scope);
  }

  #block(node: Extract<Node, { kind: 'block' }>, dot: unknown, outer: Scope): void {
    const scope: Scope = { variables: new Map(), outer };
    const { pipeline, word } = node;
    const value = this.#pipeline(pipeline, dot, scope);
    if (word !== 'range') {
      const [name] = pipeline.variables;
      if (name !== undefined) this.#set(name, value, pipeline.declares, scope);
      if (!isTrue(value)) this.list(node.otherwise, dot, scope);
      else this.list(node.body, word === 'with' ? value : dot, scope);
      return;
    }
    const entries = entriesOf(value);
    if (entries.length === 0) this.list(node.otherwise, dot, scope);
    const [first, second] = pipeline.variables;
    for (const [key, each] of entries) {
      const inner: Scope = { variables: new Map(), outer: scope };
      if (first !== undefined) inner.variables.set(first, second === undefined ? each : key);
      if (second !== undefined) inner.variables.set(second, each);
      this.list(node.body, each, inner);
    }
  }

  #pipeline({ commands }: Pipeline, dot: unknown, scope: Scope): unknown {
    const [first, ...rest] = commands;
    if (first === undefined) return undefined;
    return rest.reduce(
      (value, command) => this.#command(command, [value], dot, scope),
      this.#command(first, [], dot, scope),
    );
  }

  /** `piped` is what came from the command before, and becomes the last argument. */
  #command(command: Command, piped: readonly unknown[], dot: unknown, scope: Scope): unknown {
    if (command.kind === 'operand') {
      if (piped.length > 0) throw this.#fault('what stands after "|" is no function');
      return this.#operand(command.operand, dot, scope);
    }
    const args = command.args.map((arg) => this.#operand(arg, dot, scope));
    return callFunction(command.name, [...args, ...piped], this.#fault);
  }

  #operand(operand: Operand, dot: unknown, scope: Scope): unknown {
    if (operand.kind === 'literal') return operand.value ?? undefined;
    const start = this.#base(operand.base, dot, scope);
    return operand.names.reduce((value: unknown, name) => this.#field(value, name), start);
  }

  #base(base: Base, dot: unknown, scope: Scope): unknown {
    if (base.kind === 'dot') return dot;
    if (base.kind === 'pipeline') return this.#pipeline(base.pipeline, dot, scope);
    const holder = scopeOf(base.name, scope);
    if (holder === undefined) throw this.#fault(`there is no variable "${base.name}"`);
    return holder.variables.get(base.name);
  }

  #field(value: unknown, name: string): unknown {
    if (value === undefined || value === null) return undefined;
    if (!isRecord(value)) throw this.#fault(`there is no field "${name}" in a plain value`);
    if (Object.hasOwn(value, name)) return value[name];
    if (value !== this.#root) return undefined;
    const known = Object.keys(value).map((key) => `.${key}`);
    throw this.#fault(`".${name}" is not known; known are ${known.join(', ')}`);
  }

  #set(name: string, value: unknown, declares: boolean, scope: Scope): void {
    const holder = declares ? scope : scopeOf(name, scope);
    if (holder === undefined) throw this.#fault(`there is no variable "${name}"`);
    holder.variables.set(name, value);
  }
}

function scopeOf(name: string, scope: Scope): Scope | undefined {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    if (at.variables.has(name)) return at;
  }
  return undefined;
}

/** Keys and values to go through: of a map, in the order of its keys. */
function entriesOf(value: unknown): readonly (readonly [string | number, unknown])[] {
  if (isRecord(value)) return sortedEntries(value);
  return listOf(value).map((each, index) => [index, each]);
}
