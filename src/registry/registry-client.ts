import { parseDigest, type Digest } from '../core/digest.ts';
import type { Descriptor } from '../image/manifest.ts';
import { MANIFEST_ACCEPT, MAX_MANIFEST_BYTES } from '../image/parse-manifest.ts';
import { createAuthenticator, type Actions, type Authenticator } from './auth.ts';
import { openBody, readBody } from '../http/body.ts';
import { speaksNoTls } from '../http/connection-fault.ts';
import { readErrorBody } from './error-body.ts';
import type { CredentialStore } from './credentials.ts';
import { registryFailed, registryUnauthorized } from './errors.ts';
import {
  MAX_TRIES,
  RETRY_TIMINGS,
  TransientError,
  withRetries,
  type RetryTimings,
} from '../http/retry.ts';
import { passingFault } from './status.ts';
import { discard, type HttpRequest, type HttpResponse, type Transport } from '../http/transport.ts';

/** Where a registry, or a mirror of one, is reached. */
export interface Endpoint {
  /** Host and port, as credentials are kept under: `docker.io`, `localhost:5000`. */
  readonly name: string;
  /**
   * `https://host`, and `http://host` where plain HTTP is allowed, in the order in which they are tried. The
   * first that answers is kept.
   */
  readonly origins: readonly string[];
}

/** A request below one repository. */
export interface RepositoryRequest {
  readonly method: HttpRequest['method'];
  /**
   * After `/v2/<repository>/`, or a whole URL that the registry named. Credentials go to the registry's
   * own origin only.
   */
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: HttpRequest['body'];
  readonly actions: Actions;
  /** Another repository that is read as well: what is mounted comes from there. */
  readonly alsoPulls?: string | undefined;
  /** For messages: `pull "library/alpine"`. */
  readonly what: string;
}

/** A manifest or index as it was sent. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  /** What the Content-Type header says. */
  readonly mediaType: string | undefined;
}

/** A small answer. */
export interface FetchedDocument {
  readonly bytes: Buffer;
  readonly response: HttpResponse;
}

/** Speaks the OCI distribution API, version 2, with one registry. */
export interface RegistryClient {
  readonly name: string;
  /** A manifest by tag or digest, unchecked; undefined when the registry has none. */
  fetchManifest(
    repository: string,
    reference: string,
    signal: AbortSignal,
  ): Promise<FetchedManifest | undefined>;
  /** What the registry says is the digest of a tag; undefined when it says none. Only a hint. */
  digestOfTag(repository: string, tag: string, signal: AbortSignal): Promise<Digest | undefined>;
  /** A small blob, unchecked; undefined when the registry has none. */
  fetchBlob(
    repository: string,
    digest: Digest,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Buffer | undefined>;
  /** A blob from byte `offset` on, as it arrives, unchecked. When the connection breaks it goes on where it was. */
  openBlob(
    repository: string,
    blob: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void>;
  /** A small document of the API; undefined when the registry answers 404. Tried again when it may pass. */
  fetchDocument(
    repository: string,
    request: { readonly path: string | URL; readonly accept: string; readonly what: string },
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<FetchedDocument | undefined>;
  /** `request` until it passes, at most 5 tries. @throws BuildError REGISTRY_* */
  retried(
    repository: string,
    request: RepositoryRequest,
    signal: AbortSignal,
  ): Promise<HttpResponse>;
  /**
   * One try of any request, logged in if asked to. Answers with 401, 403 and passing faults are thrown.
   * @throws TransientError @throws BuildError REGISTRY_*
   */
  request(
    repository: string,
    request: RepositoryRequest,
    signal: AbortSignal,
  ): Promise<HttpResponse>;
}

export interface RegistryClientDeps {
  readonly transport: Transport;
  readonly credentials: CredentialStore;
  readonly retryTimings?: RetryTimings | undefined;
}

/** Connects with nothing before the first request. */
export function createRegistryClient(endpoint: Endpoint, deps: RegistryClientDeps): RegistryClient {
  return new HttpRegistryClient(endpoint, deps);
}

class HttpRegistryClient implements RegistryClient {
  readonly name: string;
  readonly #transport: Transport;
  readonly #credentials: CredentialStore;
  readonly #retryTimings: RetryTimings;
  readonly #authenticator: Authenticator;
  /** Those that may still be the right one; one, after the first answer. */
  #origins: readonly string[];

  constructor(endpoint: Endpoint, deps: RegistryClientDeps) {
    this.name = endpoint.name;
    this.#origins = endpoint.origins;
    this.#transport = deps.transport;
    this.#credentials = deps.credentials;
    this.#retryTimings = deps.retryTimings ?? RETRY_TIMINGS;
    this.#authenticator = createAuthenticator(endpoint.name, deps.transport, deps.credentials);
  }

  async request(
    repository: string,
    request: RepositoryRequest,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { actions, alsoPulls, what, path } = request;
    const access = { repository, actions, alsoPulls };
    if (path instanceof URL && !this.#origins.includes(path.origin)) {
      return this.#checked(
        await this.#send(repository, request, undefined, signal),
        request,
        signal,
      );
    }
    const known = this.#authenticator.header(access);
    let response = await this.#send(repository, request, known, signal);
    if (response.status === 401) {
      discard(response);
      const header = await this.#authenticator.answer(response, access, signal);
      if (header === undefined) {
        // There may be some of a kind that it does not ask for.
        const unused = await this.#credentials.find(this.name, signal);
        throw registryUnauthorized(this.name, what, unused?.source);
      }
      response = await this.#send(repository, request, header, signal);
    }
    return this.#checked(response, request, signal);
  }

  /** Throws for the answers that mean no whatever was asked, and for faults that may pass. */
  async #checked(
    response: HttpResponse,
    { what }: RepositoryRequest,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    if (response.status === 401 || response.status === 403) {
      discard(response);
      const used = await this.#credentials.find(this.name, signal);
      throw registryUnauthorized(this.name, what, used?.source);
    }
    const error = registryFailed(this.name, what, `status ${response.status}`);
    const passing = passingFault(response, error);
    if (passing === undefined) return response;
    discard(response);
    throw passing;
  }

  async fetchManifest(
    repository: string,
    reference: string,
    signal: AbortSignal,
  ): Promise<FetchedManifest | undefined> {
    const accept = MANIFEST_ACCEPT.join(', ');
    const path = `manifests/${reference}`;
    const request = { path, accept, what: `pull "${repository}"` };
    const found = await this.fetchDocument(repository, request, MAX_MANIFEST_BYTES, signal);
    const type = found?.response.headers['content-type'];
    return found && { bytes: found.bytes, mediaType: type?.split(';')[0]?.trim() };
  }

  async digestOfTag(
    repository: string,
    tag: string,
    signal: AbortSignal,
  ): Promise<Digest | undefined> {
    const what = `pull "${repository}"`;
    const headers = { accept: MANIFEST_ACCEPT.join(', ') };
    const path = `manifests/${tag}`;
    const request = { method: 'HEAD', path, headers, actions: 'pull', what } as const;
    const response = await this.retried(repository, request, signal);
    discard(response);
    const digest = response.headers['docker-content-digest'];
    return typeof digest === 'string' && response.status === 200 ? parseDigest(digest) : undefined;
  }

  async fetchBlob(
    repository: string,
    digest: Digest,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Buffer | undefined> {
    const request = { path: `blobs/${digest}`, accept: '*/*', what: `pull "${repository}"` };
    return (await this.fetchDocument(repository, request, maxBytes, signal))?.bytes;
  }

  openBlob(
    repository: string,
    blob: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    const openAt = (at: number): Promise<BlobPart> => this.#openAt(repository, blob, at, signal);
    return resumingBlob(blob, offset, openAt, signal);
  }

  async #send(
    repository: string,
    { method, path, headers, body }: RepositoryRequest,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const request = { method, headers, body, authorization };
    if (path instanceof URL) return this.#transport.send({ ...request, url: path }, signal);
    const origins = this.#origins;
    // What plain HTTP gave, where it may be that TLS is wanted.
    let doubted: HttpResponse | undefined;
    let broken: Error | undefined;
    for (const [index, origin] of origins.entries()) {
      const url = new URL(`/v2/${repository}/${path}`, origin);
      try {
        const response = await this.#transport.send({ ...request, url }, signal);
        if (index < origins.length - 1 && mayWantTls(response) && body === undefined) {
          doubted = response;
          continue;
        }
        if (doubted !== undefined) discard(doubted);
        this.#origins = [origin];
        return response;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Error)) throw error;
        const isPlain = speaksNoTls(error.cause);
        if (index > 0 && isPlain) {
          if (broken !== undefined) throw broken;
          if (doubted === undefined) throw error;
          this.#origins = [doubted.url.origin];
          return doubted;
        }
        // Who speaks TLS and refuses us is not asked in plain: that would give our credentials away.
        const isSilent = error instanceof TransientError;
        if (index === origins.length - 1 || !(isSilent || isPlain)) throw error;
        if (url.protocol === 'http:') broken = error;
      }
    }
    throw new TypeError(`Registry "${this.name}" has no address`);
  }

  retried(
    repository: string,
    request: RepositoryRequest,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const once = (): Promise<HttpResponse> => this.request(repository, request, signal);
    return withRetries(once, signal, this.#retryTimings);
  }

  fetchDocument(
    repository: string,
    { path, accept, what }: Parameters<RegistryClient['fetchDocument']>[1],
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<FetchedDocument | undefined> {
    const request = { method: 'GET', path, headers: { accept }, actions: 'pull', what } as const;
    const once = async (): Promise<FetchedDocument | undefined> => {
      const response = await this.request(repository, request, signal);
      if (response.status === 404) {
        discard(response);
        return undefined;
      }
      if (response.status !== 200) {
        throw registryFailed(this.name, what, await readErrorBody(response, signal));
      }
      return { bytes: await readBody(response, maxBytes, signal), response };
    };
    return withRetries(once, signal, this.#retryTimings);
  }

  async #openAt(
    repository: string,
    blob: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<BlobPart> {
    const what = `pull "${repository}"`;
    const headers = offset === 0 ? {} : { range: `bytes=${offset}-` };
    const path = `blobs/${blob.digest}`;
    const request = { method: 'GET', path, headers, actions: 'pull', what } as const;
    const response = await this.retried(repository, request, signal);
    if (response.status === 200) return { response, skip: offset };
    const range = response.headers['content-range'] ?? '';
    const isRest = response.status === 206 && range.startsWith(`bytes ${offset}-`);
    if (isRest) return { response, skip: 0 };
    const found = await readErrorBody(response, signal);
    throw registryFailed(this.name, what, `${blob.digest}: ${found}`);
  }
}

/** What servers that speak TLS answer to plain HTTP. A registry may say it, too. */
function mayWantTls({ status, url }: HttpResponse): boolean {
  return status === 400 && url.protocol === 'http:';
}

/** An answer with a blob from some place on. */
interface BlobPart {
  readonly response: HttpResponse;
  /** Bytes at its start that were there before. */
  readonly skip: number;
}

/** A try that brings fewer bytes than this, and than a thousandth of the blob, counts as a failed one. */
const MIN_PROGRESS_BYTES = 16 * 1024;

/**
 * Tries that bring nearly nothing are counted, so that a large layer survives many breaks, and who sends a
 * few bytes at a time is given up.
 */
async function* resumingBlob(
  blob: Descriptor,
  start: number,
  openAt: (offset: number) => Promise<BlobPart>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const enough = Math.max(MIN_PROGRESS_BYTES, blob.size / 1000);
  let offset = start;
  let failures = 0;
  for (;;) {
    const part = await openAt(offset);
    let toSkip = part.skip;
    const before = offset;
    try {
      for await (const chunk of openBody(part.response, signal)) {
        const wanted = chunk.subarray(Math.min(toSkip, chunk.length));
        toSkip -= chunk.length - wanted.length;
        if (wanted.length === 0) continue;
        offset += wanted.length;
        if (offset - before >= enough) failures = 0;
        yield wanted;
      }
      return;
    } catch (thrown) {
      if (!(thrown instanceof TransientError)) throw thrown;
      failures++;
      // All bytes are there: what broke was only the end of the connection.
      if (offset >= blob.size) return;
      if (failures >= MAX_TRIES) throw thrown.error;
    }
  }
}
