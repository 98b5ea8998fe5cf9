import type { BuiltOutcome } from './outcome.ts';
import type { FileFacts } from './read-tree.ts';

/** A fact that the two images do not share. */
export interface Difference {
  /** For example `config.Env`, `history[3].created_by`, `file /a: mode`. */
  readonly fact: string;
  readonly docker: string;
  readonly own: string;
}

type JsonObject = Readonly<Record<string, unknown>>;

const CONFIG_FIELDS = [
  ...['User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir', 'Labels'],
  ...['StopSignal', 'ArgsEscaped', 'Healthcheck', 'OnBuild', 'Shell'],
];
const IMAGE_FIELDS = ['architecture', 'os', 'variant', 'author'];
const HISTORY_FIELDS = ['created_by', 'empty_layer', 'comment', 'author'];

/** Every fact in which the two differ. */
export function compareImages(docker: BuiltOutcome, own: BuiltOutcome): Difference[] {
  const left = factsOf(docker);
  const right = factsOf(own);
  const names = new Set([...left.keys(), ...right.keys()]);
  const differences: Difference[] = [];
  for (const fact of names) {
    const [a, b] = [left.get(fact) ?? '(none)', right.get(fact) ?? '(none)'];
    if (a !== b) differences.push({ fact, docker: a, own: b });
  }
  return differences;
}

function factsOf(outcome: BuiltOutcome): Map<string, string> {
  const facts = new Map<string, string>();
  const image = objectOf(outcome.config);
  for (const field of IMAGE_FIELDS) put(facts, field, image[field]);
  const config = objectOf(image['config']);
  for (const field of CONFIG_FIELDS) put(facts, `config.${field}`, config[field]);
  const layers = listOf(objectOf(image['rootfs'])['diff_ids']);
  facts.set('layers', String(layers.length));
  for (const [index, entry] of listOf(image['history']).entries()) {
    const name = `history[${String(index)}]`;
    facts.set(name, 'is there');
    for (const field of HISTORY_FIELDS) put(facts, `${name}.${field}`, objectOf(entry)[field]);
  }
  for (const [path, file] of outcome.tree) {
    facts.set(`file ${path}`, 'is there');
    for (const [fact, value] of Object.entries(file) as [keyof FileFacts, string][]) {
      if (value !== '') facts.set(`file ${path}: ${fact}`, value);
    }
  }
  return facts;
}

/** What JSON leaves out and what it writes as empty are the same to every reader of an image. */
function put(facts: Map<string, string>, name: string, value: unknown): void {
  if (value === undefined || value === null || value === '' || value === false) return;
  facts.set(name, JSON.stringify(sorted(value)));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]));
}

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
