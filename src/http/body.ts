import { clockMs } from '../core/clock.ts';
import { PeerTooSlow } from './network-timeout.ts';
import { TransientError } from './retry.ts';
import type { HttpResponse } from './transport.ts';

/** A peer that sends less than this, taken over the time that it may be silent, is given up. */
const MIN_BYTES_PER_SECOND = 1024;

/**
 * All of a small body.
 * @throws `errors.failed` when it has more than `maxBytes`. @throws TransientError when it breaks off
 */
export async function readBody(
  response: HttpResponse,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of openBody(response, signal)) {
    length += chunk.length;
    if (length > maxBytes) {
      const found = `the answer has more than ${maxBytes} bytes`;
      throw response.errors.failed(response.url.host, 'read an answer', found);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/**
 * A body as it arrives. Only the time spent waiting for the peer counts against it.
 * @throws TransientError when it breaks off or nearly stands still; the signal's reason
 */
export async function* openBody(
  response: HttpResponse,
  signal: AbortSignal,
  windowMs: number = response.silenceMs,
): AsyncGenerator<Uint8Array, void> {
  const { message } = response;
  const minBytes = (windowMs / 1000) * MIN_BYTES_PER_SECOND;
  const tooSlow = (found: string): Error => new PeerTooSlow(found, windowMs);
  const iterator = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, void>;
  let waited = 0;
  let received = 0;
  try {
    for (;;) {
      signal.throwIfAborted();
      const before = clockMs();
      const timer = setTimeout(() => message.destroy(tooSlow('nothing more came')), windowMs);
      const abort = (): void => void message.destroy();
      signal.addEventListener('abort', abort, { once: true });
      const next = await iterator.next().finally(() => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      });
      if (next.done === true) return;
      waited += clockMs() - before;
      received += next.value.length;
      if (waited >= windowMs) {
        if (received < minBytes) throw tooSlow('it sends too slowly');
        waited = 0;
        received = 0;
      }
      yield next.value;
    }
  } catch (cause) {
    signal.throwIfAborted();
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const broke = code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
    const found = broke ? 'the connection broke' : cause instanceof Error ? cause.message : '';
    const hint = cause instanceof PeerTooSlow ? cause.hint : undefined;
    const details = { cause, hint };
    throw new TransientError(response.errors.unreachable(response.url.host, found, details));
  } finally {
    message.destroy();
  }
}
