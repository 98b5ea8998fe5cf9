/** True for objects of JSON. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as Go's fmt prints it with %v. */
export function goText(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (!isRecord(value)) return '<no value>';
  return `map[${sortedEntries(value)
    .map(([key, each]) => `${key}:${isEmptyRecord(each) ? '{}' : goText(each)}`)
    .join(' ')}]`;
}

/** Where names are all that counts, as those of ports and volumes, Go has `struct{}` as the values. */
function isEmptyRecord(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
}

/** Entries of a map in the order in which Go's templates visit them. */
export function sortedEntries(value: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Go's truth: not false, 0, nothing or empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return isRecord(value) ? Object.keys(value).length > 0 : Boolean(value);
}

const VERB = /%(%|[-+# 0]*(?:\d{1,4})?(?:\.\d{1,2})?[a-zA-Z])/g;

/** fmt.Sprintf with the verbs that make sense for JSON: %s %v %q %d %x %f %t and %%, with width and precision. */
export function sprintf(format: string, values: readonly unknown[]): string {
  let at = 0;
  const text = format.replace(VERB, (_, spec: string) => {
    if (spec === '%') return '%';
    const verb = spec.slice(-1);
    if (at >= values.length) return `%!${verb}(MISSING)`;
    return formatted(spec.slice(0, -1), verb, values[at++]);
  });
  const extra = values.slice(at).map((value) => `${goType(value)}=${goText(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`;
}

function formatted(spec: string, verb: string, value: unknown): string {
  const [, flags = '', width = '', precision] = /^([-+# 0]*)(\d*)(?:\.(\d+))?$/.exec(spec) ?? [];
  const text = verbText(verb, value, precision === undefined ? undefined : Number(precision));
  if (text === undefined) return `%!${verb}(${goType(value)}=${goText(value)})`;
  const size = Number(width);
  if (flags.includes('-')) return text.padEnd(size);
  const isNumber = typeof value === 'number';
  return flags.includes('0') && isNumber ? text.padStart(size, '0') : text.padStart(size);
}

function verbText(verb: string, value: unknown, precision: number | undefined): string | undefined {
  switch (verb) {
    case 'v':
      return goText(value);
    case 's': {
      const text = goText(value);
      return precision === undefined ? text : Array.from(text).slice(0, precision).join('');
    }
    case 'q':
      return typeof value === 'string' ? JSON.stringify(value) : undefined;
    case 'd':
      return Number.isInteger(value) ? String(value) : undefined;
    case 't':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'x':
      if (typeof value === 'string') return Buffer.from(value).toString('hex');
      return typeof value === 'number' && Number.isInteger(value) ? value.toString(16) : undefined;
    case 'f':
      return typeof value === 'number' ? value.toFixed(precision ?? 6) : undefined;
    default:
      return undefined;
  }
}

function goType(value: unknown): string {
  if (value === undefined || value === null) return '<nil>';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}
