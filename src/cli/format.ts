const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const SIGNIFICANT_DIGITS = 3;

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

const AGES: readonly (readonly [seconds: number, name: string])[] = [
  [60 * 60 * 24 * 365, 'year'],
  [60 * 60 * 24 * 30, 'month'],
  [60 * 60 * 24 * 7, 'week'],
  [60 * 60 * 24, 'day'],
  [60 * 60, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];
/** Docker changes to the next larger unit only when there are two of it (go-units, HumanDuration). */
const SWITCHES_AT = 2;

/** How long ago, in Docker's words: `About a minute ago`, `3 weeks ago`, `2 years ago`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 1) return 'Less than a second ago';
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute ago';
  // Docker rounds hours, and only those.
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (minutes >= 60 && hours === 1) return 'About an hour ago';
  for (const [length, name] of AGES) {
    const count = name === 'hour' ? hours : Math.floor(seconds / length);
    const enough = name === 'year' || name === 'month' || name === 'week' ? SWITCHES_AT : 1;
    const limit = name === 'day' ? SWITCHES_AT : enough;
    if (count >= limit) return `${String(count)} ${name}${count === 1 ? '' : 's'} ago`;
  }
  return 'Less than a second ago';
}

/** Rows as columns two or more spaces apart, the last one not padded. Cells must be visible text. */
export function renderTable(rows: readonly (readonly string[])[], gap = 3): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + gap),
      )
      .join('')
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join('');
}
