import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseDigest, type Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';

/** What the registry does instead of answering well. */
export type Fault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** Closes the connection without an answer. */
  | { readonly kind: 'reset' }
  /** Sends the right head, that many bytes of the body, and closes the connection. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** Sends the right head, that many bytes of the body, and nothing more. */
  | { readonly kind: 'stall'; readonly bytes: number }
  /** Sends the right head, and the body a byte now and then. */
  | { readonly kind: 'drip' }
  /** Takes the request and stays silent. */
  | { readonly kind: 'silence' };

/** A request that came. */
export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage['headers'];
}

/** Who may come in. */
export type MemoryAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly login: string }
  /** `realm` is where clients are sent; left out, the registry has its own at /token. */
  | {
      readonly kind: 'token';
      /** `name:password`; undefined gives tokens to everybody. */
      readonly login?: string | undefined;
      readonly realm?: string | undefined;
    };

/** A registry in this process, on a free port. Speaks as much of the protocol as clients use. */
export interface MemoryRegistry extends AsyncDisposable {
  /** Address and port: `127.0.0.1:12345` */
  readonly host: string;
  readonly requests: readonly SeenRequest[];
  readonly blobs: Map<Digest, Uint8Array>;
  /** By `repository:tag` and `repository@digest`. */
  readonly manifests: Map<string, { readonly bytes: Uint8Array; readonly mediaType: string }>;
  putBlob(bytes: Uint8Array | string): Digest;
  putManifest(repository: string, tag: string, document: unknown, mediaType: string): Digest;
  /** Pages of tags have no more. */
  tagsPerPage: number;
  /** False for one without the referrers API. */
  hasReferrers: boolean;
  /** False for one that deletes manifests by digest only. */
  deletesTags: boolean;
  /** Asked about every request, before anything else. */
  setFault(fault: (request: SeenRequest) => Fault | undefined): void;
}

const TOKEN = 'token-for-tests';
const DRIP_MS = 20;
const UNSUPPORTED = '{"errors":[{"code":"UNSUPPORTED","message":"not supported"}]}';
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';

/** Starts a registry at an address of this machine; dispose it to close its port. */
export async function startMemoryRegistry(
  auth: MemoryAuth = { kind: 'none' },
  address = '127.0.0.1',
): Promise<MemoryRegistry> {
  const registry = new RunningRegistry(auth, address);
  await registry.listen();
  return registry;
}

class RunningRegistry implements MemoryRegistry {
  readonly requests: SeenRequest[] = [];
  readonly blobs = new Map<Digest, Uint8Array>();
  readonly manifests = new Map<string, { bytes: Uint8Array; mediaType: string }>();
  readonly #auth: MemoryAuth;
  readonly #address: string;
  readonly #server: Server;
  readonly #uploads = new Map<string, Uint8Array[]>();
  #fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  tagsPerPage = 100;
  hasReferrers = true;
  deletesTags = true;

  constructor(auth: MemoryAuth, address: string) {
    this.#auth = auth;
    this.#address = address;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => request.socket.destroy());
    });
  }

  get host(): string {
    return `${this.#address}:${String((this.#server.address() as AddressInfo).port)}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, this.#address, resolve));
  }

  putBlob(bytes: Uint8Array | string): Digest {
    const stored = Buffer.from(bytes);
    const digest = digestOf(stored);
    this.blobs.set(digest, stored);
    return digest;
  }

  putManifest(repository: string, tag: string, document: unknown, mediaType: string): Digest {
    const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
    const digest = digestOf(bytes);
    this.manifests.set(`${repository}:${tag}`, { bytes, mediaType });
    this.manifests.set(`${repository}@${digest}`, { bytes, mediaType });
    return digest;
  }

  setFault(fault: (request: SeenRequest) => Fault | undefined): void {
    this.#fault = fault;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const seen = { method, path, authorization: headers.authorization, headers };
    this.requests.push(seen);
    const fault = this.#fault(seen);
    if (fault?.kind === 'silence') return;
    if (fault?.kind === 'reset') {
      request.socket.destroy();
      return;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const answer =
      fault?.kind === 'answer' ? { ...fault } : this.#answer(seen, Buffer.concat(chunks));
    const body = Buffer.from(answer.body ?? '');
    const length = { 'content-length': String(body.length) };
    response.writeHead(answer.status, { ...length, ...answer.headers });
    if (fault?.kind === 'stall') {
      response.write(body.subarray(0, fault.bytes));
      return;
    }
    if (fault?.kind === 'drip') {
      let sent = 0;
      const timer = setInterval(() => response.write(body.subarray(sent, ++sent)), DRIP_MS);
      response.on('close', () => clearInterval(timer));
      return;
    }
    if (fault?.kind === 'truncate') {
      response.write(body.subarray(0, fault.bytes), () => request.socket.destroy());
      return;
    }
    response.end(method === 'HEAD' ? undefined : body);
  }

  #answer(request: SeenRequest, body: Buffer): Answer {
    const url = new URL(request.path, `http://${this.host}`);
    if (url.pathname === '/token') return this.#token(request);
    const refused = this.#challenge(request);
    if (refused !== undefined) return refused;
    const [, repository, kind, rest] =
      /^\/v2\/(.+?)\/(manifests|blobs|tags|referrers)\/(.+)$/.exec(url.pathname) ?? [];
    if (repository === undefined || rest === undefined) return { status: 404 };
    if (kind === 'tags') return this.#tags(repository, url);
    if (kind === 'referrers') return this.#referrers(repository, rest);
    if (kind === 'manifests') return this.#manifest(request, repository, rest, body);
    if (rest.startsWith('uploads/')) return this.#upload(request.method, url, repository, body);
    return this.#blob(request, rest);
  }

  #token(request: SeenRequest): Answer {
    const { login } = this.#auth.kind === 'token' ? this.#auth : { login: undefined };
    if (login !== undefined && request.authorization !== basic(login)) return { status: 401 };
    return { status: 200, body: JSON.stringify({ token: TOKEN, expires_in: 300 }) };
  }

  #challenge({ authorization }: SeenRequest): Answer | undefined {
    const auth = this.#auth;
    if (auth.kind === 'none') return undefined;
    const wanted = auth.kind === 'basic' ? basic(auth.login) : `Bearer ${TOKEN}`;
    if (authorization === wanted) return undefined;
    const header =
      auth.kind === 'basic'
        ? 'Basic realm="test"'
        : `Bearer realm="${auth.realm ?? `http://${this.host}/token`}",service="test"`;
    return { status: 401, headers: { 'www-authenticate': header } };
  }

  #manifest(request: SeenRequest, repository: string, name: string, body: Buffer): Answer {
    const isDigest = parseDigest(name) !== undefined;
    if (request.method === 'PUT') {
      const mediaType = request.headers['content-type'] ?? '';
      const digest = digestOf(body);
      if (!isDigest) this.manifests.set(`${repository}:${name}`, { bytes: body, mediaType });
      this.manifests.set(`${repository}@${digest}`, { bytes: body, mediaType });
      return { status: 201, headers: { 'docker-content-digest': digest } };
    }
    const found = this.manifests.get(`${repository}${isDigest ? '@' : ':'}${name}`);
    if (request.method === 'DELETE' && found !== undefined) {
      if (!isDigest && !this.deletesTags) return { status: 405, body: UNSUPPORTED };
      for (const [key, { bytes }] of this.manifests) {
        const isThis = isDigest ? bytes === found.bytes : key === `${repository}:${name}`;
        if (isThis && key.startsWith(repository)) this.manifests.delete(key);
      }
      return { status: 202 };
    }
    if (found === undefined) {
      return { status: 404, body: '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}' };
    }
    const headers = {
      'content-type': found.mediaType,
      'docker-content-digest': digestOf(found.bytes),
    };
    return { status: 200, headers, body: found.bytes };
  }

  #tags(repository: string, url: URL): Answer {
    const prefix = `${repository}:`;
    const all = [...this.manifests.keys()].filter((key) => key.startsWith(prefix));
    if (all.length === 0) return { status: 404 };
    const tags = all.map((key) => key.slice(prefix.length)).sort();
    const size = Math.min(Number(url.searchParams.get('n') ?? '100'), this.tagsPerPage);
    const from = tags.indexOf(url.searchParams.get('last') ?? '') + 1;
    const page = tags.slice(from, from + size);
    const next = `</v2/${repository}/tags/list?n=${size}&last=${page.at(-1) ?? ''}>; rel="next"`;
    const hasMore = from + size < tags.length;
    return {
      status: 200,
      headers: hasMore ? { link: next } : {},
      body: JSON.stringify({ name: repository, tags: page }),
    };
  }

  #referrers(repository: string, subject: string): Answer {
    if (!this.hasReferrers) return { status: 404 };
    const manifests = [...this.manifests].flatMap(([key, { bytes, mediaType }]) => {
      if (!key.startsWith(`${repository}@`)) return [];
      const document = JSON.parse(bytes.toString()) as {
        subject?: { digest?: string };
        artifactType?: string;
      };
      if (document.subject?.digest !== subject) return [];
      const { artifactType } = document;
      return [{ mediaType, digest: digestOf(bytes), size: bytes.length, artifactType }];
    });
    const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests };
    return { status: 200, headers: { 'content-type': INDEX_TYPE }, body: JSON.stringify(index) };
  }

  #blob(request: SeenRequest, name: string): Answer {
    const digest = parseDigest(name);
    const bytes = digest === undefined ? undefined : this.blobs.get(digest);
    if (bytes === undefined) return { status: 404 };
    const start = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    if (start === undefined) return { status: 200, body: bytes };
    const range = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
    return {
      status: 206,
      headers: { 'content-range': range },
      body: bytes.subarray(Number(start)),
    };
  }

  #upload(method: string, url: URL, repository: string, body: Buffer): Answer {
    const id = url.pathname.split('/uploads/')[1] ?? '';
    if (method === 'POST') {
      const mounted = parseDigest(url.searchParams.get('mount') ?? '');
      if (mounted !== undefined && this.blobs.has(mounted)) return { status: 201 };
      const fresh = `upload-${String(this.#uploads.size)}`;
      this.#uploads.set(fresh, []);
      return { status: 202, headers: { location: `/v2/${repository}/blobs/uploads/${fresh}` } };
    }
    const parts = this.#uploads.get(id);
    if (parts === undefined) return { status: 404 };
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const headers = { location: url.pathname, range: `0-${Math.max(length - 1, 0)}` };
    if (method === 'GET') return { status: 204, headers };
    parts.push(body);
    if (method === 'PATCH') return { status: 202, headers: { location: url.pathname } };
    const bytes = Buffer.concat(parts);
    const digest = digestOf(bytes);
    if (digest !== url.searchParams.get('digest')) return { status: 400 };
    this.blobs.set(digest, bytes);
    return { status: 201 };
  }
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

function basic(login: string): string {
  return `Basic ${Buffer.from(login).toString('base64')}`;
}
