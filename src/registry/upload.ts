import { BuildError } from '../diagnostics/build-error.ts';
import { withRetries, type RetryTimings } from '../http/retry.ts';
import { discard, type HttpResponse } from '../http/transport.ts';
import type { Descriptor } from '../image/manifest.ts';
import { readErrorBody } from './error-body.ts';
import { registryFailed } from './errors.ts';
import type { RegistryClient } from './registry-client.ts';
import { CHUNK_BYTES, sendInChunks } from './upload-chunks.ts';
import { uploadLocation } from './upload-location.ts';

/** A blob to be pushed. */
export interface PushBlob {
  readonly descriptor: Descriptor;
  /** Its bytes from the start; called once for every try. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Repository of the same registry that should have it already: it need not be sent then. */
  readonly mountFrom?: string | undefined;
}

/** What became of a blob. */
export type Uploaded = 'present' | 'mounted' | 'sent';

/** Where a blob goes. */
export interface UploadTarget {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly retryTimings: RetryTimings;
}

/**
 * Gets a blob into a repository (distribution-spec, "Pushing blobs"): nothing when it is there, by mounting
 * when another repository has it, else in one piece. When that piece broke off, a large blob is sent in
 * chunks, so that the next break costs no more than one of them. At most 5 tries.
 * @throws BuildError REGISTRY_*
 */
export function uploadBlob(
  target: UploadTarget,
  blob: PushBlob,
  signal: AbortSignal,
): Promise<Uploaded> {
  const { client, repository, retryTimings } = target;
  const { digest, size } = blob.descriptor;
  const once = async (attempt: number): Promise<Uploaded> => {
    if (await isPresent(target, digest, signal)) return 'present';
    const start = await startUpload(target, blob, signal);
    if (start.status === 201) {
      discard(start);
      return 'mounted';
    }
    if (start.status !== 202) await fail(target, start, signal);
    discard(start);
    let location = uploadLocation(client.name, start);
    const isChunked = attempt > 1 && size > CHUNK_BYTES;
    if (isChunked) location = await sendInChunks(target, blob, start, signal);
    location.searchParams.set('digest', digest);
    const request = {
      ...common(repository),
      method: 'PUT',
      path: location,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(isChunked ? 0 : size),
      },
      body: isChunked ? undefined : () => blob.open(signal),
    } as const;
    const end = await client.request(repository, request, signal);
    if (end.status !== 201 && end.status !== 204) await fail(target, end, signal);
    discard(end);
    return 'sent';
  };
  return withRetries(once, signal, retryTimings);
}

/**
 * Whether a repository has a blob, or has it now, as `mountFrom` had it. Nothing is sent.
 * @throws BuildError REGISTRY_*
 */
export function claimBlob(
  target: UploadTarget,
  blob: Pick<PushBlob, 'descriptor' | 'mountFrom'>,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, repository, retryTimings } = target;
  const once = async (): Promise<boolean> => {
    if (await isPresent(target, blob.descriptor.digest, signal)) return true;
    if (blob.mountFrom === undefined || blob.mountFrom === repository) return false;
    const start = await startUpload(target, blob, signal);
    discard(start);
    if (start.status === 202) {
      // It does not mount that one, and waits for the bytes.
      const path = uploadLocation(client.name, start);
      discard(
        await client.request(repository, { ...common(repository), method: 'DELETE', path }, signal),
      );
    }
    return start.status === 201;
  };
  return withRetries(once, signal, retryTimings);
}

function common(repository: string): { readonly actions: 'pull,push'; readonly what: string } {
  return { actions: 'pull,push', what: `push "${repository}"` };
}

/** Whether a repository has a blob. @throws TransientError @throws BuildError REGISTRY_* */
export async function isPresent(
  { client, repository }: UploadTarget,
  digest: string,
  signal: AbortSignal,
): Promise<boolean> {
  const head = { ...common(repository), method: 'HEAD', path: `blobs/${digest}` } as const;
  const response = await client.request(repository, head, signal);
  discard(response);
  return response.status === 200;
}

/** Asks for a place to send to, or for the blob of another repository. */
async function startUpload(
  { client, repository }: UploadTarget,
  { descriptor, mountFrom }: Pick<PushBlob, 'descriptor' | 'mountFrom'>,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const headers = { 'content-length': '0' };
  const path = 'blobs/uploads/';
  const plain = { ...common(repository), method: 'POST', path, headers } as const;
  if (mountFrom === undefined || mountFrom === repository) {
    return client.request(repository, plain, signal);
  }
  const query = new URLSearchParams({ mount: descriptor.digest, from: mountFrom }).toString();
  const mount = { ...plain, path: `${path}?${query}`, alsoPulls: mountFrom } as const;
  try {
    return await client.request(repository, mount, signal);
  } catch (error) {
    // Who may write here need not be allowed to read there.
    const isRefused = error instanceof BuildError && error.code === 'REGISTRY_UNAUTHORIZED';
    if (!isRefused) throw error;
    return client.request(repository, plain, signal);
  }
}

async function fail(
  { client, repository }: UploadTarget,
  response: HttpResponse,
  signal: AbortSignal,
): Promise<never> {
  const { what } = common(repository);
  throw registryFailed(client.name, what, await readErrorBody(response, signal));
}
