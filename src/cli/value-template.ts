import { badFlagValue } from './errors.ts';

/** Renders one JSON value; no newline at the end. @throws BuildError FLAG_VALUE_INVALID */
export type ValueTemplate = (value: unknown) => string;

const ACTION = /\{\{-?\s*(.*?)\s*-?\}\}/gs;
const PATH = /^(?:\.|(?:\.\w+)+)$/;
/** Blocks within blocks. */
const MAX_DEPTH = 32;

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly evaluate: (dot: unknown) => string }
  | {
      readonly kind: 'block';
      readonly word: 'range' | 'if' | 'with';
      readonly operand: (dot: unknown) => unknown;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/**
 * The part of Go's text/template that people use to pick from what `inspect` shows: fields
 * (`{{.Config.Env}}`), `json`, `len`, `index`, `join`, `println`, and `range`, `if`, `with` with `else`
 * and `end`. Values print as Go prints them.
 * @throws BuildError FLAG_VALUE_INVALID when it uses more than that
 */
export function parseValueTemplate(format: string): ValueTemplate {
  const parser = new Parser(format);
  const nodes = parser.parse();
  return (value) => renderNodes(nodes, value);
}

interface Token {
  readonly text: string;
  readonly isAction: boolean;
}

class Parser {
  readonly #format: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(format: string) {
    this.#format = format;
    this.#tokens = tokenize(format);
  }

  parse(): Node[] {
    const { nodes, end } = this.#list(0);
    if (end !== undefined) throw this.#fault(`"${end}" has nothing to end`);
    return nodes;
  }

  /** Up to `else`, `end` or the end of the text. */
  #list(depth: number): { nodes: Node[]; end: string | undefined } {
    if (depth > MAX_DEPTH) throw this.#fault(`it has more than ${MAX_DEPTH} blocks in each other`);
    const nodes: Node[] = [];
    for (let token = this.#next(); token !== undefined; token = this.#next()) {
      if (!token.isAction) nodes.push({ kind: 'text', text: token.text });
      else if (token.text === 'else' || token.text === 'end') return { nodes, end: token.text };
      else nodes.push(this.#action(token.text, depth));
    }
    return { nodes, end: undefined };
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  #action(text: string, depth: number): Node {
    const [, word, rest] = /^(range|if|with)\s+(.*)$/s.exec(text) ?? [];
    if (word !== 'range' && word !== 'if' && word !== 'with') {
      const evaluate = this.#expression(text);
      return { kind: 'value', evaluate: (dot) => goText(evaluate(dot)) };
    }
    const operand = this.#expression(rest ?? '');
    const body = this.#list(depth + 1);
    const otherwise = body.end === 'else' ? this.#list(depth + 1) : { nodes: [], end: body.end };
    if (otherwise.end !== 'end') throw this.#fault(`"${word}" has no "end"`);
    return { kind: 'block', word, operand, body: body.nodes, otherwise: otherwise.nodes };
  }

  #expression(text: string): (dot: unknown) => unknown {
    const words = text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
    const [first = '', ...rest] = words;
    const operands = rest.map((word) => this.#operand(word));
    const [one, two] = operands;
    if (operands.length === 0) return this.#operand(first);
    if (first === 'println') {
      return (dot) => `${operands.map((operand) => goText(operand(dot))).join(' ')}\n`;
    }
    if (one !== undefined && operands.length === 1) {
      if (first === 'json') return (dot) => JSON.stringify(one(dot) ?? null);
      if (first === 'len') return (dot) => this.#length(one(dot));
    }
    if (one !== undefined && two !== undefined) {
      if (first === 'index') {
        const keys = operands.slice(1);
        return (dot) => keys.reduce((value, key) => this.#index(value, key(dot)), one(dot));
      }
      if (first === 'join' && operands.length === 2) {
        return (dot) =>
          listOf(one(dot))
            .map(goText)
            .join(goText(two(dot)));
      }
    }
    throw this.#fault(`"${text}" is not known; known are fields, ${FUNCTIONS}`);
  }

  #operand(word: string): (dot: unknown) => unknown {
    if (PATH.test(word)) {
      const names = word.split('.').filter((name) => name !== '');
      return (dot) => names.reduce((value, name) => this.#field(value, name), dot);
    }
    if (/^\d{1,9}$/.test(word)) return () => Number(word);
    if (word.startsWith('"') && word.endsWith('"') && word.length > 1) {
      const text = this.#string(word);
      return () => text;
    }
    throw this.#fault(`"${word}" is not known; known are fields, ${FUNCTIONS}`);
  }

  #string(word: string): string {
    try {
      return String(JSON.parse(word));
    } catch {
      throw this.#fault(`${word} is no text`);
    }
  }

  /** Fields that are not set are nothing, as in Docker's structures; only the top must know the name. */
  #field(value: unknown, name: string): unknown {
    if (value === undefined || value === null) return undefined;
    if (!isRecord(value)) throw this.#fault(`there is no field "${name}" in a plain value`);
    return Object.hasOwn(value, name) ? value[name] : undefined;
  }

  #index(value: unknown, key: unknown): unknown {
    if (Array.isArray(value) && typeof key === 'number') {
      if (key < value.length) return value[key] as unknown;
      throw this.#fault(`the list has ${value.length} entries, and none at ${key}`);
    }
    if (value === undefined || value === null) return undefined;
    if (isRecord(value) && typeof key === 'string') {
      return Object.hasOwn(value, key) ? value[key] : '';
    }
    throw this.#fault('"index" needs a list and a number, or a map and a text');
  }

  #length(value: unknown): number {
    if (value === undefined || value === null) return 0;
    if (typeof value === 'string') return Buffer.byteLength(value);
    if (Array.isArray(value)) return value.length;
    if (isRecord(value)) return Object.keys(value).length;
    throw this.#fault('"len" needs a list, a map or a text');
  }

  #fault(found: string): Error {
    return badFlagValue('--format', this.#format, found);
  }
}

const FUNCTIONS = 'json, len, index, join, println, range, if, with, else and end';

function tokenize(format: string): Token[] {
  const tokens: Token[] = [];
  let from = 0;
  let isTrimmed = false;
  const push = (raw: string, isTrimmedAfter: boolean): void => {
    const start = isTrimmed ? raw.trimStart() : raw;
    const text = isTrimmedAfter ? start.trimEnd() : start;
    // Docker's command line turns these two into what they mean.
    const meant = text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
    if (meant !== '') tokens.push({ text: meant, isAction: false });
  };
  for (const match of format.matchAll(ACTION)) {
    push(format.slice(from, match.index), match[0].startsWith('{{- '));
    tokens.push({ text: match[1] ?? '', isAction: true });
    isTrimmed = match[0].endsWith(' -}}');
    from = match.index + match[0].length;
  }
  push(format.slice(from), false);
  return tokens;
}

function renderNodes(nodes: readonly Node[], dot: unknown): string {
  return nodes.map((node) => renderNode(node, dot)).join('');
}

function renderNode(node: Node, dot: unknown): string {
  if (node.kind === 'text') return node.text;
  if (node.kind === 'value') return node.evaluate(dot);
  const value = node.operand(dot);
  if (!isTrue(value)) return renderNodes(node.otherwise, dot);
  if (node.word === 'if') return renderNodes(node.body, dot);
  if (node.word === 'with') return renderNodes(node.body, value);
  return listOf(value)
    .map((each) => renderNodes(node.body, each))
    .join('');
}

/** Go's truth: not false, 0, nothing or empty. */
function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isRecord(value) ? Object.keys(value).length > 0 : Boolean(value);
}

/** Entries of a list, or values of a map in the order of its keys. */
function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  return isRecord(value) ? sortedEntries(value).map(([, each]) => each) : [];
}

/** As Go's fmt prints with %v. */
function goText(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (!isRecord(value)) return '<no value>';
  return `map[${sortedEntries(value)
    .map(([key, each]) => `${key}:${goText(each)}`)
    .join(' ')}]`;
}

function sortedEntries(value: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
