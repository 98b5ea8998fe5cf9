import { renderTable } from './format.ts';
import { parseValueTemplate } from './value-template.ts';

/** The least width of a column of Docker's tables, with the space behind it. */
const DOCKER_CELL = 10;

/** The fields of one thing in a list, by the names that Docker gives them. */
export type TemplateFields = Readonly<Record<string, string>>;

/**
 * Renders things by `--format`: `json`, a Go template (`{{.ID}} {{json .}}`), or such a template after
 * `table `, which prints a heading. `headings` has all fields that there are.
 * @throws BuildError FLAG_VALUE_INVALID
 */
export function renderFormatted(
  format: string,
  things: readonly TemplateFields[],
  headings: TemplateFields,
): string {
  if (format === 'json') return things.map((fields) => `${JSON.stringify(fields)}\n`).join('');
  const isTable = format.startsWith('table');
  const template = parseValueTemplate(isTable ? format.slice('table'.length).trim() : format);
  // A misspelt field is one also where there is nothing to list.
  const heading = template(headings);
  if (!isTable) return things.map((fields) => `${template(fields)}\n`).join('');
  const rows = [heading, ...things.map(template)].map((row) => row.split('\t'));
  return renderTable(rows, { minWidth: DOCKER_CELL });
}
