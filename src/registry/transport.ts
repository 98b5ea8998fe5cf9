import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadCertificates } from './certificates.ts';
import { registryFailed, registryUnreachable, registryUntrusted } from './errors.ts';
import { TransientError } from './retry.ts';

/** One HTTP request. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent to the origin of `url` only, never to where it redirects. */
  readonly authorization?: string | undefined;
  /** Called for every try. A stream needs a `content-length` header. */
  readonly body?: (() => Uint8Array | AsyncIterable<Uint8Array>) | undefined;
}

/** An answer whose body has yet to be read: with `readBody`, `openBody` or `discard`. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly message: IncomingMessage;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

/** How long a peer may stay silent. All in milliseconds. */
export interface TransportTimings {
  readonly connectMs: number;
  readonly headersMs: number;
}

const TIMINGS: TransportTimings = { connectMs: 10_000, headersMs: 30_000 };
const MAX_REDIRECTS = 5;
const MAX_SOCKETS_PER_HOST = 6;
const MAX_HEADER_BYTES = 64 * 1024;

export interface TransportOptions {
  /** True when the certificate of this host and port need not be checked. */
  readonly isInsecure: (host: string) => boolean;
  /** File with certificate authorities besides those of the system. */
  readonly extraCaPath: string | undefined;
  readonly timings?: TransportTimings | undefined;
}

/** Sends HTTP requests. Keeps connections open between them until it is closed. */
export interface Transport {
  /**
   * Follows up to 5 redirects of GET and HEAD.
   * @throws TransientError (REGISTRY_UNREACHABLE) @throws BuildError REGISTRY_UNTRUSTED, REGISTRY_ERROR
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  close(): void;
}

/** Loads no HTTP or TLS code before the first request. */
export function createTransport(options: TransportOptions): Transport {
  const agents = new Map<string, Agent>();

  /** TLS settings belong to an agent: connections are shared between requests. */
  async function agentFor(url: URL): Promise<Agent> {
    const key = `${url.protocol}//${url.host}`;
    const known = agents.get(key);
    if (known !== undefined) return known;
    const common = { keepAlive: true, maxSockets: MAX_SOCKETS_PER_HOST };
    let agent: Agent;
    if (url.protocol === 'https:') {
      const https = await import('node:https');
      const ca = await loadCertificates(options.extraCaPath);
      agent = new https.Agent({
        ...common,
        // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment changes nothing.
        rejectUnauthorized: !options.isInsecure(url.host),
        minVersion: 'TLSv1.2',
        ...(ca === undefined ? {} : { ca: [...ca] }),
      });
    } else {
      const http = await import('node:http');
      agent = new http.Agent(common);
    }
    agents.set(key, agent);
    return agent;
  }

  async function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const { url } = request;
    const agent = await agentFor(url);
    const { request: open } = await (url.protocol === 'https:'
      ? import('node:https')
      : import('node:http'));
    const headers = {
      'user-agent': 'stagecraft',
      // Layers are compressed already; a second coding would only hide what is hashed.
      'accept-encoding': 'identity',
      ...request.headers,
      ...(request.authorization === undefined ? {} : { authorization: request.authorization }),
    };
    signal.throwIfAborted();
    const clientRequest = open(url, {
      method: request.method,
      headers,
      agent,
      signal,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    try {
      const message = await exchange(clientRequest, request.body, options.timings ?? TIMINGS);
      return { status: message.statusCode ?? 0, headers: message.headers, message, url };
    } catch (cause) {
      clientRequest.destroy();
      signal.throwIfAborted();
      if (cause instanceof SourceFailure) throw cause.cause;
      throw connectionError(url.host, cause);
    }
  }

  return {
    async send(request, signal) {
      let response = await sendOnce(request, signal);
      for (let hops = 0; isRedirect(request, response); hops++) {
        discard(response);
        if (hops === MAX_REDIRECTS) {
          throw registryFailed(request.url.host, 'follow', 'it redirects more than 5 times');
        }
        const url = redirectTarget(response);
        const isSameOrigin = url.origin === request.url.origin;
        const authorization = isSameOrigin ? request.authorization : undefined;
        response = await sendOnce({ ...request, url, authorization }, signal);
      }
      return response;
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}

function isRedirect({ method }: HttpRequest, { status, headers }: HttpResponse): boolean {
  const isReading = method === 'GET' || method === 'HEAD';
  return isReading && [301, 302, 303, 307, 308].includes(status) && headers.location !== undefined;
}

function redirectTarget(response: HttpResponse): URL {
  const { host, protocol } = response.url;
  let url: URL | undefined;
  try {
    url = new URL(response.headers.location ?? '', response.url);
  } catch {
    url = undefined;
  }
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw registryFailed(host, 'follow', 'it redirects to something that is not HTTP');
  }
  if (protocol === 'https:' && url.protocol === 'http:') {
    throw registryFailed(host, 'follow', 'it redirects from HTTPS to plain HTTP');
  }
  // Whatever stands there as user and password is not ours to send.
  url.username = '';
  url.password = '';
  return url;
}

/** Writes the body and waits for the head of the answer. */
function exchange(
  request: ClientRequest,
  body: HttpRequest['body'],
  timings: TransportTimings,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => {
      request.destroy(new Error(reason));
    };
    let timer = setTimeout(fail, timings.connectMs, 'no connection in time');
    // A large upload may take long, as long as bytes move; the answer is due once it is through.
    const connected = (): void => {
      clearTimeout(timer);
      request.setTimeout(timings.headersMs, () => fail('no answer in time'));
    };
    request.once('socket', (socket) => {
      // One that was kept open is connected already.
      if (!socket.connecting) connected();
      else socket.once('connect', connected);
    });
    request.once('finish', () => {
      clearTimeout(timer);
      timer = setTimeout(fail, timings.connectMs + timings.headersMs, 'no answer in time');
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

async function writeBody(request: ClientRequest, body: HttpRequest['body']): Promise<void> {
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

/** Reading what was to be sent failed: not the registry's fault, and no reason to try again. */
class SourceFailure extends Error {
  constructor(cause: unknown) {
    super('The bytes to send could not be read', { cause });
  }
}

function connectionError(host: string, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const found = REASONS[code] ?? (cause instanceof Error ? cause.message : String(cause));
  if (CERTIFICATE_CODE.test(code)) return registryUntrusted(host, found);
  const error = registryUnreachable(host, found, cause);
  // A misspelt host does not come into being while we wait.
  return code === 'ENOTFOUND' ? error : new TransientError(error);
}

const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ALTNAME|^HOSTNAME_MISMATCH$/;
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused',
  ECONNRESET: 'the connection broke',
  EHOSTUNREACH: 'there is no way to its address',
  ENETUNREACH: 'there is no way to its address',
  ENOTFOUND: 'no such host is known',
  EAI_AGAIN: 'its name cannot be looked up now',
  ETIMEDOUT: 'no connection in time',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an unknown authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
};

/** Throws the body away; the connection may be used again when little is left. */
export function discard({ message }: HttpResponse): void {
  message.on('error', () => undefined);
  const length = Number(message.headers['content-length'] ?? Number.NaN);
  if (length <= MAX_HEADER_BYTES) message.resume();
  else message.destroy();
}
