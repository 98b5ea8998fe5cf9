import { createHash } from 'node:crypto';
import type { Digest } from '../core/digest.ts';
import { finishDigest } from '../core/sha256.ts';

/** What a stream must turn out to be. */
export interface ExpectedBytes {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** How a stream that was read to its end differs from what was promised. */
export type StreamFault =
  | { readonly kind: 'too-long' }
  | { readonly kind: 'too-short'; readonly size: number }
  | { readonly kind: 'wrong-digest'; readonly digest: Digest };

/**
 * Passes chunks on while hashing them. Fails with `toError(fault)` one byte past the promised size, so
 * that a stream without end costs no more than an honest one, or at the end when the digest differs.
 * Consumers must not trust the bytes before the stream has ended.
 */
export async function* verifiedStream(
  source: AsyncIterable<Uint8Array>,
  expected: ExpectedBytes,
  toError: (fault: StreamFault) => Error,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > expected.size) throw toError({ kind: 'too-long' });
    hash.update(chunk);
    yield chunk;
  }
  if (size < expected.size) throw toError({ kind: 'too-short', size });
  const digest = finishDigest(hash);
  if (digest !== expected.digest) throw toError({ kind: 'wrong-digest', digest });
}
