import type { HttpResponse } from '../http/transport.ts';

const MAX_HEADER_CHARS = 4096;

/**
 * Where the next page of a list is (RFC 5988, `Link: <…>; rel="next"`), or undefined on the last one and
 * for addresses of other servers.
 */
export function nextPage({ headers, url }: Pick<HttpResponse, 'headers' | 'url'>): URL | undefined {
  const link = [headers['link'] ?? ''].flat().join(',').slice(0, MAX_HEADER_CHARS);
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(link)?.[1];
  if (target === undefined) return undefined;
  try {
    const next = new URL(target, url);
    return next.origin === url.origin ? next : undefined;
  } catch {
    return undefined;
  }
}
