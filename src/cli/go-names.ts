/** Where a field of Go is not the key of its JSON with a capital. */
const NAMES: Readonly<Record<string, string>> = {
  os: 'OS',
  'os.version': 'OSVersion',
  rootfs: 'RootFS',
  diff_ids: 'DiffIDs',
};

/**
 * JSON as templates see it where Docker fills them from structs of Go: `mediaType` can be asked for as
 * `.MediaType`. Printed as JSON it is as it was.
 */
export function withGoNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withGoNames);
  if (typeof value !== 'object' || value === null) return value;
  const named = Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key, withGoNames(each)]),
  );
  for (const [key, each] of Object.entries(named)) {
    const name = NAMES[key] ?? key.replace(/^[a-z]/, (first) => first.toUpperCase());
    // Not enumerable: `json` leaves them out.
    if (!Object.hasOwn(named, name)) Object.defineProperty(named, name, { value: each });
  }
  return named;
}
