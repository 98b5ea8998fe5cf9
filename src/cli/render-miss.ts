import { visibleLine } from '../diagnostics/visible-text.ts';
import type { ChangeSubject, FileChange, KeyChange, MissReason } from '../events/event.ts';

/** Changes of one miss that are told; the rest is counted. */
const MAX_CHANGES = 3;
/** Files of one change that are named; the rest is counted. */
const MAX_FILES = 3;
/** Chars of a value that are told. */
const MAX_VALUE_CHARS = 60;
/** Hex digits of a digest that are told. */
const DIGEST_DIGITS = 12;

/** Why a step has to run, in one line. */
export function renderMiss(reason: MissReason): string {
  switch (reason.kind) {
    case 'no-cache':
      return 'not cached: the cache is switched off for this step';
    case 'never-built':
      return 'not cached: never built before';
    case 'removed':
      return 'not cached: its former result was removed from the store';
    case 'changed': {
      const told = reason.changes.slice(0, MAX_CHANGES).map(renderChange);
      const more = reason.changes.length - told.length;
      return `not cached: ${told.join('; ')}${more > 0 ? `; and ${String(more)} more` : ''}`;
    }
    default:
      return reason satisfies never;
  }
}

function renderChange(change: KeyChange): string {
  const { part, before, after, subject } = change;
  if (subject !== undefined) return renderSubject(subject, change);
  const variable = /^env (.*)$/s.exec(part)?.[1];
  if (variable !== undefined)
    return `variable ${renderValues(visibleLine(variable), before, after)}`;
  const fields = fieldChanges(before, after);
  if (fields.length > 0) return fields.join('; ');
  return renderValues(visibleLine(part), before, after);
}

function renderSubject(subject: ChangeSubject, { before, after }: KeyChange): string {
  switch (subject.kind) {
    case 'build-arg':
      return `build-arg ${renderValues(visibleLine(subject.name), before, after)}`;
    case 'instruction':
      return `the instruction was ${quoted(subject.before)}`;
    case 'step':
      return `${visibleLine(subject.name)} has another result`;
    case 'image':
      return renderValues(`base image ${visibleLine(subject.name)}`, before, after);
    case 'files':
      return renderFiles(subject);
    default:
      return subject satisfies never;
  }
}

function renderFiles(subject: Extract<ChangeSubject, { readonly kind: 'files' }>): string {
  const origin = subject.origin === undefined ? 'the build context' : visibleLine(subject.origin);
  const [only] = subject.first;
  if (subject.count === 1 && only !== undefined) {
    const of = subject.origin === undefined ? '' : ` of ${origin}`;
    return `${visibleLine(only.path)}${of} ${WHOLE_CHANGES[only.what]}`;
  }
  if (subject.count === undefined || only === undefined) return `files of ${origin} changed`;
  const named = subject.first
    .slice(0, MAX_FILES)
    .map(({ path, what }) => `${visibleLine(path)}${CHANGE_MARKS[what]}`);
  const more = subject.count - named.length;
  const rest = more > 0 ? ` and ${String(more)} more` : '';
  return `${String(subject.count)} files of ${origin} changed: ${named.join(', ')}${rest}`;
}

const WHOLE_CHANGES: Readonly<Record<FileChange['what'], string>> = {
  added: 'is new',
  removed: 'is gone',
  content: 'changed',
  mode: 'has another mode',
  owner: 'has another owner',
  type: 'is another kind of file',
};

const CHANGE_MARKS: Readonly<Record<FileChange['what'], string>> = {
  added: ' (new)',
  removed: ' (gone)',
  content: '',
  mode: ' (mode)',
  owner: ' (owner)',
  type: ' (kind of file)',
};

/** What differs between two values that are JSON objects, a line for each field; else nothing. */
function fieldChanges(before: string | undefined, after: string | undefined): string[] {
  const old = asObject(before);
  const now = asObject(after);
  if (old === undefined || now === undefined) return [];
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return names.flatMap((name) => {
    const [a, b] = [old[name], now[name]].map(textOf);
    return a === b ? [] : [renderValues(visibleLine(name), a, b)];
  });
}

function asObject(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  if (text?.startsWith('{') !== true) return undefined;
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function renderValues(name: string, before: string | undefined, after: string | undefined): string {
  if (before === undefined && after === undefined) return `${name} changed`;
  if (before === undefined) return `${name} is new`;
  if (after === undefined) return `${name} is gone`;
  // Keys say nothing to people; digests of images can be looked up.
  if (isKey(before) || isKey(after)) return `${name} changed`;
  return `${name}: ${quoted(before)} → ${quoted(after)}`;
}

function isKey(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function quoted(text: string): string {
  const digest = /^(sha256:[0-9a-f]{64})$/.exec(text)?.[1];
  if (digest !== undefined) return `${digest.slice(0, 'sha256:'.length + DIGEST_DIGITS)}…`;
  const shown = text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}…` : text;
  return `"${visibleLine(shown)}"`;
}
