/** A program that goes on in the background once it is ready. It is ready within 100 ms, or never will be. */
const READY_TIMEOUT_MS = 5_000;

/**
 * Waits until a program that was started says that it is ready, or has ended. `stop` ends it: when it
 * takes longer than five seconds, and when `signal` is aborted. Nothing of it runs when this rejects.
 * @throws the signal's reason
 */
export async function waitUntilReady(
  ready: Promise<'ready'>,
  ended: Promise<'ended'>,
  stop: AbortController,
  signal: AbortSignal,
): Promise<'ready' | 'ended'> {
  const abort = (): void => {
    stop.abort();
  };
  const timer = setTimeout(abort, READY_TIMEOUT_MS);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const state = await Promise.race([ready, ended]);
  clearTimeout(timer);
  signal.removeEventListener('abort', abort);
  if (signal.aborted) await ended;
  signal.throwIfAborted();
  return state;
}
