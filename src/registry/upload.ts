import type { Descriptor } from '../image/manifest.ts';
import { readErrorBody } from './error-body.ts';
import { registryFailed } from './errors.ts';
import type { RegistryClient } from './registry-client.ts';
import { discard, type HttpResponse } from '../http/transport.ts';

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

/**
 * One try to get a blob into a repository (distribution-spec, "Pushing blobs"): nothing when it is there,
 * by mounting when another repository has it, else in one piece.
 * @throws TransientError @throws BuildError REGISTRY_*
 */
export async function uploadBlob(
  client: RegistryClient,
  repository: string,
  blob: PushBlob,
  signal: AbortSignal,
): Promise<Uploaded> {
  const { digest, size } = blob.descriptor;
  const what = `push "${repository}"`;
  const common = { actions: 'pull,push', what } as const;
  const head = { ...common, method: 'HEAD', path: `blobs/${digest}` } as const;
  const present = await client.request(repository, head, signal);
  discard(present);
  if (present.status === 200) return 'present';

  const start = await client.request(
    repository,
    {
      ...common,
      method: 'POST',
      path: `blobs/uploads/${mountQuery(blob)}`,
      headers: { 'content-length': '0' },
    },
    signal,
  );
  if (start.status === 201) {
    discard(start);
    return 'mounted';
  }
  if (start.status !== 202) await fail(client, what, start, signal);
  discard(start);
  const location = uploadLocation(client.name, start);
  location.searchParams.set('digest', digest);
  const end = await client.request(
    repository,
    {
      ...common,
      method: 'PUT',
      path: location,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(size),
      },
      body: () => blob.open(signal),
    },
    signal,
  );
  if (end.status !== 201 && end.status !== 204) await fail(client, what, end, signal);
  discard(end);
  return 'sent';
}

function mountQuery({ descriptor, mountFrom }: PushBlob): string {
  if (mountFrom === undefined) return '';
  return `?${new URLSearchParams({ mount: descriptor.digest, from: mountFrom }).toString()}`;
}

/** Where the bytes go: relative to the request, or anywhere else, without credentials then. */
function uploadLocation(name: string, response: HttpResponse): URL {
  let url: URL | undefined;
  try {
    url = new URL(response.headers.location ?? '', response.url);
  } catch {
    url = undefined;
  }
  const isHttp = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (url === undefined || !isHttp || response.headers.location === undefined) {
    throw registryFailed(name, 'push', 'it does not say where to send a blob');
  }
  if (response.url.protocol === 'https:' && url.protocol === 'http:') {
    throw registryFailed(name, 'push', 'it wants a blob over plain HTTP, and is not that itself');
  }
  url.username = '';
  url.password = '';
  return url;
}

async function fail(
  client: RegistryClient,
  what: string,
  response: HttpResponse,
  signal: AbortSignal,
): Promise<never> {
  throw registryFailed(client.name, what, await readErrorBody(response, signal));
}
