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

/** How long ago, in Docker's words and with its limits (go-units, HumanDuration): `3 weeks ago`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 1) return 'Less than a second ago';
  if (seconds === 1) return '1 second ago';
  if (seconds < 60) return `${String(seconds)} seconds ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute ago';
  if (minutes < 60) return `${String(minutes)} minutes ago`;
  // Hours are rounded, everything else is cut.
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours === 1) return 'About an hour ago';
  if (hours < 48) return `${String(hours)} hours ago`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${String(days)} days ago`;
  if (days < 60) return `${String(Math.floor(days / 7))} weeks ago`;
  if (days < 730) return `${String(Math.floor(days / 30))} months ago`;
  return `${String(Math.floor(days / 365))} years ago`;
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
