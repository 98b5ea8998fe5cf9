/**
 * Milliseconds since some moment, which no change of the host's clock moves. The global `performance` does the
 * same, and Node loads nine modules for it.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
