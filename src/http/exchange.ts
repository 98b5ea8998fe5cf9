import type { ClientRequest, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PeerTooSlow, type NetworkTimeouts } from './network-timeout.ts';

/** Called for every try. A stream without a `content-length` header is sent in chunks. */
export type RequestBody = () => Uint8Array | AsyncIterable<Uint8Array>;

/** Reading what was to be sent failed: not the peer's fault, and no reason to try again. */
export class SourceFailure extends Error {
  constructor(cause: unknown) {
    super('The bytes to send could not be read', { cause });
  }
}

/**
 * Writes the body and waits for the head of the answer.
 * @throws SourceFailure; whatever the connection fails with
 */
export function exchange(
  request: ClientRequest,
  body: RequestBody | undefined,
  { connectMs, silenceMs }: NetworkTimeouts,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      request.destroy(new PeerTooSlow(reason, silenceMs));
    };
    let timer = setTimeout(fail, connectMs, 'no connection in time');
    // A large upload may take long, as long as bytes move; the answer is due once it is through.
    const connected = (): void => {
      clearTimeout(timer);
      request.setTimeout(silenceMs, () => fail('no answer in time'));
    };
    request.once('socket', (socket) => {
      // One that was kept open is connected already.
      if (!socket.connecting) connected();
      else socket.once('connect', connected);
    });
    request.once('finish', () => {
      clearTimeout(timer);
      timer = setTimeout(fail, connectMs + silenceMs, 'no answer in time');
    });
    request.once('response', (message) => {
      clearTimeout(timer);
      request.setTimeout(0);
      resolve(message);
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    writeBody(request, body).catch((error: unknown) => {
      clearTimeout(timer);
      reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}

async function writeBody(request: ClientRequest, body: RequestBody | undefined): Promise<void> {
  const source = body?.();
  if (source === undefined || source instanceof Uint8Array) {
    request.end(source);
    return;
  }
  const own: { failure: SourceFailure | undefined } = { failure: undefined };
  const watched = async function* (): AsyncGenerator<Uint8Array, void> {
    try {
      yield* source;
    } catch (cause) {
      own.failure = new SourceFailure(cause);
      throw cause;
    }
  };
  try {
    await pipeline(Readable.from(watched()), request);
  } catch (cause) {
    throw own.failure ?? cause;
  }
}
