/** The fields of one CSV line, or why it is none (as Go's encoding/csv words it). */
export type CsvFields =
  | { readonly ok: true; readonly fields: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** Splits at commas. A field that begins with `"` is quoted and ends with `"`; `""` in it is one `"`. */
export function csvFields(text: string): CsvFields {
  if (text === '') return { ok: false, message: 'EOF' };
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    const field = text.charAt(at) === '"' ? quotedField(text, at) : plainField(text, at);
    if (typeof field.value !== 'string') {
      const column = `parse error on line 1, column ${field.end + 1}`;
      return { ok: false, message: `${column}: ${field.value.problem}` };
    }
    fields.push(field.value);
    if (field.end >= text.length) return { ok: true, fields };
    at = field.end + 1;
  }
}

interface Field {
  readonly value: string | { readonly problem: string };
  /** Index of the comma behind it, of the end, or of the problem. */
  readonly end: number;
}

function plainField(text: string, start: number): Field {
  const comma = text.indexOf(',', start);
  const end = comma < 0 ? text.length : comma;
  const value = text.slice(start, end);
  const quote = value.indexOf('"');
  if (quote < 0) return { value, end };
  return { value: { problem: 'bare " in non-quoted field' }, end: start + quote };
}

function quotedField(text: string, start: number): Field {
  let value = '';
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    const problem = { problem: 'extraneous or missing " in quoted-field' };
    if (quote < 0) return { value: problem, end: text.length };
    value += text.slice(at, quote);
    const next = text.charAt(quote + 1);
    if (next === '' || next === ',') return { value, end: quote + 1 };
    if (next !== '"') return { value: problem, end: quote };
    value += '"';
    at = quote + 2;
  }
}
