import { badFlagValue } from './errors.ts';
import { renderTable } from './format.ts';

/** The fields of one thing in a list, by the names that Docker gives them. */
export type TemplateFields = Readonly<Record<string, string>>;

type Part = { readonly text: string } | { readonly field: string; readonly isJson: boolean };

/** Renders one thing; no newline at the end. */
type Template = (fields: TemplateFields) => string;

const ACTION = /\{\{-?\s*(.*?)\s*-?\}\}/g;
const WORD = /^(?:(json)\s+)?\.([A-Za-z]*)$/;

/**
 * Renders things by `--format`: `json`, a Go template of fields (`{{.ID}} {{json .}}`), or such a
 * template after `table `, which prints a heading. Loops, conditions and functions are not known.
 * @throws BuildError FLAG_VALUE_INVALID
 */
export function renderFormatted(
  format: string,
  things: readonly TemplateFields[],
  headings: TemplateFields,
): string {
  if (format === 'json') return things.map((fields) => `${JSON.stringify(fields)}\n`).join('');
  const isTable = format === 'table' || /^table\s/.test(format);
  const names = Object.keys(headings);
  const template = parseTemplate(isTable ? format.slice('table'.length).trim() : format, names);
  if (!isTable) return things.map((fields) => `${template(fields)}\n`).join('');
  const rows = [headings, ...things].map((fields) => template(fields).split('\t'));
  return renderTable(rows);
}

/** @throws BuildError FLAG_VALUE_INVALID when it uses what we do not know */
function parseTemplate(format: string, names: readonly string[]): Template {
  const parts: Part[] = [];
  let from = 0;
  for (const match of format.matchAll(ACTION)) {
    parts.push({ text: unescaped(format.slice(from, match.index)) });
    from = match.index + match[0].length;
    parts.push(parseAction(format, match[1] ?? '', names));
  }
  parts.push({ text: unescaped(format.slice(from)) });
  return (fields) => parts.map((part) => renderPart(part, fields)).join('');
}

function parseAction(format: string, action: string, names: readonly string[]): Part {
  const [, json, field] = WORD.exec(action) ?? [];
  const isWhole = field === '' && json !== undefined;
  if (field === undefined || (!isWhole && !names.includes(field))) {
    const known = names.map((name) => `.${name}`).join(', ');
    throw badFlagValue('--format', format, `"${action}" is not known; known are ${known}`);
  }
  return { field, isJson: json !== undefined };
}

function renderPart(part: Part, fields: TemplateFields): string {
  if ('text' in part) return part.text;
  const value = fields[part.field] ?? '';
  if (!part.isJson) return value;
  return JSON.stringify(part.field === '' ? fields : value);
}

/** Docker's command line turns these two into what they mean. */
function unescaped(text: string): string {
  return text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}
