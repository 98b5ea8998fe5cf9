/**
 * Milliseconds on a clock that only goes forward, from an unknown start, with fractions. As
 * `performance.now()`, which loads a module of Node that takes longer than most of what we time.
 */
export function clockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
