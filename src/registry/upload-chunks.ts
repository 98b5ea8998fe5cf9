import { TransientError, withRetries } from '../http/retry.ts';
import { discard, type HttpResponse } from '../http/transport.ts';
import { readErrorBody } from './error-body.ts';
import { registryFailed } from './errors.ts';
import type { PushBlob, UploadTarget } from './upload.ts';
import { uploadLocation } from './upload-location.ts';

/** What is kept in memory and sent at once. */
export const CHUNK_BYTES = 16 * 1024 * 1024;
/** A registry may ask for larger ones (distribution-spec, OCI-Chunk-Min-Length), up to this. */
const MAX_CHUNK_BYTES = 128 * 1024 * 1024;
/** Answers of registries that do not know an upload any more, or have it in another state than we think. */
const LOST: ReadonlySet<number> = new Set([400, 404, 416]);

/**
 * Sends a blob chunk after chunk (distribution-spec, "Pushing a blob in chunks"). After a break the
 * registry is asked how far it came, and the rest of the chunk is sent. `start` is the answer that opened
 * the upload. Resolves to where the upload is to be closed.
 * @throws TransientError when the registry lost the upload @throws BuildError REGISTRY_*
 */
export async function sendInChunks(
  target: UploadTarget,
  blob: PushBlob,
  start: HttpResponse,
  signal: AbortSignal,
): Promise<URL> {
  const wanted = Number(start.headers['oci-chunk-min-length'] ?? 0);
  const chunkBytes = Math.min(Math.max(CHUNK_BYTES, wanted || 0), MAX_CHUNK_BYTES);
  const upload = new ChunkedUpload(target, uploadLocation(target.client.name, start));
  try {
    for await (const chunk of chunksOf(blob.open(signal), chunkBytes)) {
      await upload.send(chunk, signal);
    }
  } catch (error) {
    throw error instanceof UploadLost ? new TransientError(error.error) : error;
  }
  return upload.location;
}

async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of source) {
    parts.push(part);
    length += part.length;
    if (length < chunkBytes) continue;
    yield Buffer.concat(parts, length);
    parts = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(parts, length);
}

class ChunkedUpload {
  readonly #target: UploadTarget;
  location: URL;
  /** Bytes of all chunks before. */
  #sent = 0;

  constructor(target: UploadTarget, location: URL) {
    this.#target = target;
    this.location = location;
  }

  async send(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    const { retryTimings } = this.#target;
    await withRetries(
      async (attempt) => {
        const there = attempt === 1 ? 0 : (await this.#position(signal)) - this.#sent;
        if (there < 0 || there > chunk.length) {
          throw this.#lost('it has another part of a blob than was sent');
        }
        if (there < chunk.length) await this.#patch(chunk.subarray(there), there, signal);
      },
      signal,
      retryTimings,
    );
    this.#sent += chunk.length;
  }

  async #patch(bytes: Uint8Array, there: number, signal: AbortSignal): Promise<void> {
    const { client, repository } = this.#target;
    const from = this.#sent + there;
    const request = {
      ...this.#common('PATCH'),
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(bytes.length),
        'content-range': `${from}-${from + bytes.length - 1}`,
      },
      body: () => bytes,
    };
    const response = await client.request(repository, request, signal);
    if (response.status === 202 || response.status === 204) {
      discard(response);
      this.location = uploadLocation(client.name, response);
      return;
    }
    const found = await readErrorBody(response, signal);
    if (LOST.has(response.status)) throw this.#lost(found);
    throw registryFailed(client.name, `push "${repository}"`, found);
  }

  /** Bytes that the registry says it has. */
  async #position(signal: AbortSignal): Promise<number> {
    const { client, repository } = this.#target;
    const response = await client.request(repository, this.#common('GET'), signal);
    if (response.status !== 204 && response.status !== 202) {
      throw this.#lost(await readErrorBody(response, signal));
    }
    discard(response);
    if (response.headers.location !== undefined) {
      this.location = uploadLocation(client.name, response);
    }
    const end = Number(/^(?:bytes=)?0-(\d+)$/.exec(response.headers['range'] ?? '')?.[1] ?? 0);
    // Registries say `0-0` of an upload without bytes.
    return end === 0 ? 0 : end + 1;
  }

  #common<Method extends string>(method: Method) {
    const what = `push "${this.#target.repository}"`;
    return { method, path: this.location, actions: 'pull,push', what } as const;
  }

  #lost(found: string): UploadLost {
    const { client, repository } = this.#target;
    return new UploadLost(registryFailed(client.name, `push "${repository}"`, found));
  }
}

/** The upload has to begin anew: it does not help to send one chunk again. */
class UploadLost extends Error {
  readonly error: Error;

  constructor(error: Error) {
    super(error.message);
    this.error = error;
  }
}
