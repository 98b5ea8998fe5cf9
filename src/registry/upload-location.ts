import type { HttpResponse } from '../http/transport.ts';
import { registryFailed } from './errors.ts';

/**
 * Where the bytes of an upload go: relative to the request, or anywhere else, without credentials then.
 * @throws BuildError REGISTRY_ERROR
 */
export function uploadLocation(name: string, response: HttpResponse): URL {
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
