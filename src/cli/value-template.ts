import { badFlagValue } from './errors.ts';
import { FUNCTION_NAMES } from './template/functions.ts';
import { parseTemplate } from './template/parse.ts';
import { renderTemplate } from './template/render.ts';

/** Renders one JSON value; no newline at the end. @throws BuildError FLAG_VALUE_INVALID */
export type ValueTemplate = (value: unknown) => string;

/** Longer ones are not typed. */
const MAX_TEMPLATE_CHARS = 64 * 1024;

/**
 * A `--format` in the language of Go's text/template, as Docker's commands take it: fields, variables,
 * pipelines, comparisons, `range`, `if`, `with`, and functions such as `json`, `join`, `index`, `printf`.
 * Values print as Go prints them.
 * @throws BuildError FLAG_VALUE_INVALID when it uses more than that
 */
export function parseValueTemplate(format: string): ValueTemplate {
  const fault = (found: string): Error => badFlagValue('--format', format, found);
  if (format.length > MAX_TEMPLATE_CHARS) throw badFlagValue('--format', '…', 'it is too long');
  const nodes = parseTemplate(format, FUNCTION_NAMES, fault);
  return (value) => renderTemplate(nodes, value, fault);
}
