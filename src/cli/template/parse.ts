import { splitTemplate, type Fault, type Piece, type Token } from './tokens.ts';

/** A template, ready to be rendered. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'block';
      readonly word: 'range' | 'if' | 'with';
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Commands whose result is the last argument of the next one; kept in variables where there are names. */
export interface Pipeline {
  readonly commands: readonly Command[];
  /** `$x :=` and, of a range, `$i, $x :=`. */
  readonly variables: readonly string[];
  /** False for `$x = …`, which changes a variable that is there. */
  readonly declares: boolean;
}

/** A function with its arguments, or an operand alone. */
export type Command =
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Operand[] }
  | { readonly kind: 'operand'; readonly operand: Operand };

/** A value of a command. */
export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'path'; readonly base: Base; readonly names: readonly string[] };

/** Where a path of fields begins: the dot, a variable, or a pipeline in parentheses. */
export type Base =
  | { readonly kind: 'dot' }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

/** Blocks, and parentheses, within each other. */
const MAX_DEPTH = 32;
const LITERALS: Readonly<Record<string, boolean | null>> = { true: true, false: false, nil: null };
const BLOCKS = ['range', 'if', 'with'] as const;
/** Words of Go's templates that have no meaning for one line of output. */
const UNKNOWN: ReadonlySet<string> = new Set(['define', 'template', 'block', 'break', 'continue']);

/**
 * Parses a template of Go's text/template: fields, variables, pipelines, `range`, `if`, `with`, `else`.
 * `functions` are the names that may be called. Faults are thrown as `fault` words them.
 */
export function parseTemplate(
  format: string,
  functions: ReadonlySet<string>,
  fault: Fault,
): readonly Node[] {
  return new Parser(splitTemplate(format, fault), functions, fault).parse();
}

/** What ended a list of nodes. */
interface Ending {
  readonly word: 'else' | 'end';
  /** After `else`: `if` and its pipeline. */
  readonly rest: readonly Token[];
}

class Parser {
  readonly #pieces: readonly Piece[];
  readonly #functions: ReadonlySet<string>;
  readonly #fault: Fault;
  #at = 0;

  constructor(pieces: readonly Piece[], functions: ReadonlySet<string>, fault: Fault) {
    this.#pieces = pieces;
    this.#functions = functions;
    this.#fault = fault;
  }

  parse(): readonly Node[] {
    const { nodes, ending } = this.#list(0);
    if (ending !== undefined) throw this.#fault(`"${ending.word}" has nothing to end`);
    return nodes;
  }

  #list(depth: number): { readonly nodes: Node[]; readonly ending: Ending | undefined } {
    if (depth > MAX_DEPTH) throw this.#fault(`it has more than ${MAX_DEPTH} blocks in each other`);
    const nodes: Node[] = [];
    for (let piece = this.#pieces[this.#at++]; piece !== undefined;) {
      if (piece.kind === 'text') nodes.push(piece);
      else {
        const [first, ...rest] = piece.tokens;
        const word = first?.kind === 'word' ? first.text : undefined;
        if (word === 'end' || word === 'else') return { nodes, ending: { word, rest } };
        nodes.push(this.#action(piece.tokens, depth));
      }
      piece = this.#pieces[this.#at++];
    }
    return { nodes, ending: undefined };
  }

  #action(tokens: readonly Token[], depth: number): Node {
    const [first, ...rest] = tokens;
    if (first === undefined) throw this.#fault('"{{}}" has nothing to print');
    const block = BLOCKS.find((word) => first.kind === 'word' && first.text === word);
    if (block !== undefined) return this.#block(block, rest, depth);
    if (first.kind === 'word' && UNKNOWN.has(first.text)) {
      throw this.#fault(`"${first.text}" is not known`);
    }
    return { kind: 'value', pipeline: this.#pipeline(tokens) };
  }

  #block(word: (typeof BLOCKS)[number], tokens: readonly Token[], depth: number): Node {
    const pipeline = this.#pipeline(tokens, word === 'range' ? 2 : 1);
    const body = this.#list(depth + 1);
    const otherwise = body.ending?.word === 'else' ? this.#otherwise(body.ending, depth) : [];
    if (otherwise === undefined || body.ending === undefined) {
      throw this.#fault(`"${word}" has no "end"`);
    }
    return { kind: 'block', word, pipeline, body: body.nodes, otherwise };
  }

  /** After `else`; `else if` is a block of its own that shares its `end`. */
  #otherwise({ rest }: Ending, depth: number): readonly Node[] | undefined {
    const [first, ...pipeline] = rest;
    if (first !== undefined) {
      const word = BLOCKS.find((each) => first.kind === 'word' && first.text === each);
      if (word === undefined || word === 'range') throw this.#fault('"else" has words after it');
      return [this.#block(word, pipeline, depth + 1)];
    }
    const { nodes, ending } = this.#list(depth + 1);
    return ending?.word === 'end' ? nodes : undefined;
  }

  #pipeline(tokens: readonly Token[], maxVariables = 1): Pipeline {
    const reader = new PipelineReader(tokens, this.#functions, this.#fault);
    return reader.read(maxVariables);
  }
}

class PipelineReader {
  readonly #tokens: readonly Token[];
  readonly #functions: ReadonlySet<string>;
  readonly #fault: Fault;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[], functions: ReadonlySet<string>, fault: Fault) {
    this.#tokens = tokens;
    this.#functions = functions;
    this.#fault = fault;
  }

  read(maxVariables: number): Pipeline {
    const { variables, declares } = this.#variables(maxVariables);
    const commands = this.#commands();
    if (this.#at < this.#tokens.length) throw this.#fault('it has more ")" than "("');
    return { commands, variables, declares };
  }

  #variables(max: number): Pick<Pipeline, 'variables' | 'declares'> {
    const variables: string[] = [];
    const start = this.#at;
    for (;;) {
      const token = this.#tokens[this.#at];
      const sign = this.#tokens[this.#at + 1];
      if (token?.kind !== 'variable' || sign?.kind !== 'sign') break;
      variables.push(token.name);
      this.#at += 2;
      if (sign.text === ',' && variables.length < max) continue;
      if (sign.text === ':=' || sign.text === '=') {
        return { variables, declares: sign.text === ':=' };
      }
      break;
    }
    this.#at = start;
    return { variables: [], declares: true };
  }

  #commands(): readonly Command[] {
    const commands = [this.#command()];
    while (this.#takes('|')) commands.push(this.#command());
    return commands;
  }

  #command(): Command {
    const first = this.#tokens[this.#at];
    if (first?.kind === 'word' && !Object.hasOwn(LITERALS, first.text)) {
      if (!this.#functions.has(first.text)) {
        const known = [...this.#functions].sort().join(', ');
        throw this.#fault(`"${first.text}" is not known; known are fields, ${known}`);
      }
      this.#at++;
      const args: Operand[] = [];
      for (let arg = this.#operand(); arg !== undefined; arg = this.#operand()) args.push(arg);
      return { kind: 'call', name: first.text, args };
    }
    const operand = this.#operand();
    if (operand === undefined) throw this.#fault('a value is missing');
    if (this.#operand() !== undefined) throw this.#fault('a value is no function');
    return { kind: 'operand', operand };
  }

  #operand(): Operand | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined) return undefined;
    if (token.kind === 'sign') return token.text === '(' ? this.#parenthesized() : undefined;
    this.#at++;
    switch (token.kind) {
      case 'string':
      case 'number':
        return { kind: 'literal', value: token.value };
      case 'word':
        return this.#literal(token.text);
      case 'field':
        return { kind: 'path', base: { kind: 'dot' }, names: token.names };
      case 'variable':
        return this.#path({ kind: 'variable', name: token.name });
      default:
        return token satisfies never;
    }
  }

  #literal(word: string): Operand {
    const value = Object.hasOwn(LITERALS, word) ? LITERALS[word] : undefined;
    if (value !== undefined) return { kind: 'literal', value };
    // A function without arguments in the place of a value needs parentheses in Go too.
    throw this.#fault(`"${word}" stands where a value is needed`);
  }

  #parenthesized(): Operand {
    this.#at++;
    if (++this.#depth > MAX_DEPTH) throw this.#fault(`it has more than ${MAX_DEPTH} "("`);
    const pipeline = { commands: this.#commands(), variables: [], declares: true };
    this.#depth--;
    if (!this.#takes(')')) throw this.#fault('a "(" has no ")"');
    return this.#path({ kind: 'pipeline', pipeline });
  }

  #path(base: Base): Operand {
    const next = this.#tokens[this.#at];
    if (next?.kind !== 'field' || !next.isChained) return { kind: 'path', base, names: [] };
    this.#at++;
    return { kind: 'path', base, names: next.names };
  }

  #takes(text: ')' | '|'): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || token.text !== text) return false;
    this.#at++;
    return true;
  }
}
