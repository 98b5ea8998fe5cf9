import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { CertificateOptions } from './certificates.ts';
import { connectionFault } from './connection-fault.ts';
import { createConnections } from './connections.ts';
import { exchange, SourceFailure, type RequestBody } from './exchange.ts';
import type { HttpErrors } from './http-errors.ts';
import { networkTimeouts } from './network-timeout.ts';
import { refusal } from './tunnel.ts';

/**
 * HTTP as everything here speaks it: verified TLS, proxies, bounded waits, redirects that never carry
 * credentials to another origin. In: requests. Out: answers whose body has yet to be read. Retries are
 * the caller's (`withRetries`): only it knows what may be asked twice.
 */

/** One HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent to the origin of `url` only, never to where it redirects. */
  readonly authorization?: string | undefined;
  readonly body?: RequestBody | undefined;
}

/** An answer whose body has yet to be read: with `readBody`, `openBody` or `discard`. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly message: IncomingMessage;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** Words for what goes wrong with the body. */
  readonly errors: HttpErrors;
  /** How long the peer may be silent in the middle of the body, in milliseconds. */
  readonly silenceMs: number;
}

const MAX_REDIRECTS = 5;
const MAX_HEADER_BYTES = 64 * 1024;

/** What a transport works with. */
export interface TransportOptions {
  readonly errors: HttpErrors;
  /** True when the certificate of this host and port need not be checked. */
  readonly isInsecure: (host: string) => boolean;
  readonly certificates: CertificateOptions;
  /** For HTTP_PROXY, HTTPS_PROXY, NO_PROXY and STAGECRAFT_NETWORK_TIMEOUT. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Sends HTTP requests. Keeps connections open between them until it is closed. */
export interface Transport {
  /**
   * Follows up to 5 redirects of GET and HEAD.
   * @throws TransientError and others made by the transport's `errors`
   * @throws BuildError CA_FILE_UNUSABLE, PROXY_UNUSABLE
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  close(): void;
}

/** Loads no HTTP or TLS code before the first request. @throws BuildError NETWORK_TIMEOUT_INVALID */
export function createTransport(options: TransportOptions): Transport {
  const { errors } = options;
  const timeouts = networkTimeouts(options.env);
  const { connectMs, silenceMs } = timeouts;
  const connections = createConnections({ ...options, connectMs });

  async function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { url } = request;
    const route = await connections.routeTo(url);
    const { request: open } = await (route.protocol === 'https:'
      ? import('node:https')
      : import('node:http'));
    signal.throwIfAborted();
    const { headers: via, ...address } = route.options(url);
    const clientRequest = open({
      ...address,
      method: request.method,
      headers: { ...headersOf(request), ...via },
      agent: route.agent,
      signal,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    try {
      const message = await exchange(clientRequest, request.body, timeouts);
      if (route.proxy !== undefined && message.statusCode === 407) throw refusal(message);
      const { statusCode: status = 0, headers } = message;
      return { status, headers, message, url, errors, silenceMs };
    } catch (cause) {
      clientRequest.destroy();
      signal.throwIfAborted();
      if (cause instanceof SourceFailure) throw cause.cause;
      throw connectionFault(url.host, cause, errors, route.proxy);
    }
  }

  return {
    async send(request, signal) {
      let response = await sendOnce(request, signal);
      let { authorization } = request;
      for (let hops = 0; isRedirect(request, response); hops++) {
        discard(response);
        if (hops === MAX_REDIRECTS) {
          throw errors.failed(
            request.url.host,
            'follow a redirect',
            'it redirects more than 5 times',
          );
        }
        const url = redirectTarget(response);
        // Once outside, nobody is who they were: also a way back leads where a stranger chose.
        if (url.origin !== request.url.origin) authorization = undefined;
        response = await sendOnce({ ...request, url, authorization }, signal);
      }
      return response;
    },
    close: () => connections.close(),
  };
}

function headersOf({ headers, authorization }: HttpRequest): Record<string, string> {
  return {
    'user-agent': 'stagecraft',
    // Layers are compressed already; a second coding would only hide what is hashed.
    'accept-encoding': 'identity',
    ...headers,
    ...(authorization === undefined ? {} : { authorization }),
  };
}

function isRedirect({ method }: HttpRequest, { status, headers }: HttpResponse): boolean {
  const isReading = method === 'GET' || method === 'HEAD';
  return isReading && [301, 302, 303, 307, 308].includes(status) && headers.location !== undefined;
}

function redirectTarget(response: HttpResponse): URL {
  const { errors } = response;
  const { host, protocol } = response.url;
  let url: URL | undefined;
  try {
    url = new URL(response.headers.location ?? '', response.url);
  } catch {
    url = undefined;
  }
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw errors.failed(host, 'follow a redirect', 'it redirects to something that is not HTTP');
  }
  if (protocol === 'https:' && url.protocol === 'http:') {
    throw errors.failed(host, 'follow a redirect', 'it redirects from HTTPS to plain HTTP');
  }
  // Whatever stands there as user and password is not ours to send.
  url.username = '';
  url.password = '';
  return url;
}

/** Throws the body away; the connection may be used again when little is left. */
export function discard({ message }: Pick<HttpResponse, 'message'>): void {
  message.on('error', () => undefined);
  const length = Number(message.headers['content-length'] ?? Number.NaN);
  if (length <= MAX_HEADER_BYTES) message.resume();
  else message.destroy();
}
