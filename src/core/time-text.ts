/**
 * RFC 3339 in UTC as Go writes it: fractions without trailing zeros, none when they are zero. Images
 * hold times in this form, and their digests depend on every char.
 */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0+Z$/, 'Z');
}
