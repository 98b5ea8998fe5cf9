const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const SIGNIFICANT_DIGITS = 3;

/** Spaces between the columns of a table. */
const GAP = 3;

/** Bytes as Docker shows them: powers of 1000, three significant digits, `77.8MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.6 kB would round to 1000 kB, so it is 1 MB.
  while (Number(value.toPrecision(SIGNIFICANT_DIGITS)) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${String(Number(value.toPrecision(SIGNIFICANT_DIGITS)))}${UNITS[unit] ?? 'B'}`;
}

/** Milliseconds as seconds with one decimal, `12.3s`. */
export function formatSeconds(milliseconds: number): string {
  return `${(Math.max(0, milliseconds) / 1000).toFixed(1)}s`;
}

/** How long ago, in Docker's words: `About a minute ago`, `3 weeks ago`, `2 years ago`. */
export function formatAge(milliseconds: number): string {
  return `${formatSpan(milliseconds)} ago`;
}

/** A span of time as go-units' HumanDuration words it: `Less than a second`, `2 hours`, `5 weeks`. */
export function formatSpan(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${String(seconds)} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${String(minutes)} minutes`;
  // Hours are rounded, and only they.
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${String(hours)} hours`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${String(days)} days`;
  if (days < 60) return `${String(Math.floor(days / 7))} weeks`;
  if (days < 730) return `${String(Math.floor(days / 30))} months`;
  return `${String(Math.floor(days / 365))} years`;
}

/**
 * Rows as columns three spaces apart and no narrower than `minWidth`, the last one not padded. Cells must
 * be visible text.
 */
export function renderTable(
  rows: readonly (readonly string[])[],
  { minWidth = 0 }: { readonly minWidth?: number } = {},
): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1
          ? cell
          : cell.padEnd(Math.max((widths[column] ?? 0) + GAP, minWidth)),
      )
      .join('')
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join('');
}
