import { clockMs } from '../core/clock.ts';
import { readBody } from '../http/body.ts';
import { readErrorBody } from './error-body.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import type { Credentials, CredentialStore } from './credentials.ts';
import { registryFailed, registryUnauthorized } from './errors.ts';
import { passingFault } from './status.ts';
import { trustRealm } from './token-realm.ts';
import type { HttpResponse, Transport } from '../http/transport.ts';

/** Gives requests to one registry their Authorization header. */
export interface Authenticator {
  /** What is known to work, or undefined before the first challenge. */
  header(access: Access): string | undefined;
  /**
   * Answers a 401. Undefined: nothing more can be offered.
   * @throws BuildError REGISTRY_UNAUTHORIZED, REGISTRY_ERROR, CREDENTIALS_UNUSABLE @throws TransientError
   */
  answer(response: HttpResponse, access: Access, signal: AbortSignal): Promise<string | undefined>;
}

/** What is to be done with a repository, as the scope of a token says it. */
export type Actions = 'pull' | 'pull,push' | 'pull,push,delete';

/** What a request needs to be allowed. */
export interface Access {
  readonly repository: string;
  readonly actions: Actions;
  /** Another repository that is read as well. */
  readonly alsoPulls?: string | undefined;
}

const MAX_TOKEN_BODY_BYTES = 1024 * 1024;
/** The distribution specification's default. */
const DEFAULT_LIFETIME_S = 60;
/** A token is renewed this much before its end. */
const MARGIN_MS = 10_000;

interface KnownHeader {
  readonly value: string;
  /** On the monotonic clock: the wall clock may be set while a build runs. */
  readonly until: number;
}

/** `registry` is the name that credentials are kept under, e.g. `docker.io`. */
export function createAuthenticator(
  registry: string,
  transport: Transport,
  store: CredentialStore,
): Authenticator {
  const known = new Map<string, KnownHeader>();
  const keyOf = (access: Access): string => scopesOf(access).join(' ');

  return {
    header(access) {
      const header = known.get(keyOf(access));
      return header !== undefined && header.until > clockMs() ? header.value : undefined;
    },
    async answer(response, access, signal) {
      const challenges = parseChallenges(response.headers['www-authenticate'] ?? '');
      const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
      const isBasic = challenges.some(({ scheme }) => scheme === 'basic');
      if (bearer === undefined && !isBasic) return undefined;
      const credentials = await store.find(registry, signal);
      let header: KnownHeader | undefined;
      if (bearer !== undefined) {
        const request = { bearer, scopes: scopesOf(access), credentials, response };
        header = await requestToken(request, registry, transport, signal);
      } else if (credentials?.kind === 'password') {
        header = { value: basic(credentials), until: Infinity };
      }
      if (header !== undefined) known.set(keyOf(access), header);
      return header?.value;
    },
  };
}

function scopesOf({ repository, actions, alsoPulls }: Access): readonly string[] {
  const own = `repository:${repository}:${actions}`;
  return alsoPulls === undefined ? [own] : [own, `repository:${alsoPulls}:pull`];
}

interface TokenRequest {
  readonly bearer: Challenge;
  readonly scopes: readonly string[];
  readonly credentials: Credentials | undefined;
  /** The answer that asked for a token. */
  readonly response: HttpResponse;
}

async function requestToken(
  { bearer, scopes, credentials, response }: TokenRequest,
  registry: string,
  transport: Transport,
  signal: AbortSignal,
): Promise<KnownHeader> {
  const realm = bearer.params.get('realm') ?? '';
  const trust = trustRealm(realm, registry, response.url);
  if (trust.kind === 'refused') {
    throw registryFailed(
      registry,
      'log in',
      `its token service "${realm}" is refused: ${trust.reason}`,
    );
  }
  const used = trust.kind === 'credentials' ? credentials : undefined;
  const service = bearer.params.get('service');
  const answer = await transport.send(tokenHttpRequest(realm, service, scopes, used), signal);
  if (answer.status === 401 || answer.status === 403) {
    await readErrorBody(answer, signal);
    throw registryUnauthorized(registry, 'get a token', used?.source);
  }
  if (answer.status !== 200) {
    const found = await readErrorBody(answer, signal);
    const error = registryFailed(registry, 'get a token', found);
    throw passingFault(answer, error) ?? error;
  }
  return readToken(await readBody(answer, MAX_TOKEN_BODY_BYTES, signal), registry);
}

function tokenHttpRequest(
  realm: string,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials | undefined,
): Parameters<Transport['send']>[0] {
  const url = new URL(realm);
  if (credentials?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      service: service ?? '',
      client_id: 'stagecraft',
      scope: scopes.join(' '),
      refresh_token: credentials.token,
    });
    const body = Buffer.from(form.toString());
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
    };
    return { method: 'POST', url, headers, body: () => body };
  }
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const authorization = credentials === undefined ? undefined : basic(credentials);
  return { method: 'GET', url, authorization };
}

function readToken(body: Buffer, registry: string): KnownHeader {
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown } = {};
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    if (typeof json === 'object' && json !== null) answer = json;
  } catch {
    // Falls through to the error below: no token.
  }
  const token = answer.token ?? answer.access_token;
  // Anything else could break out of the header.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw registryFailed(registry, 'get a token', 'the answer holds none');
  }
  const { expires_in: lifetime } = answer;
  const seconds = typeof lifetime === 'number' && lifetime > 0 ? lifetime : DEFAULT_LIFETIME_S;
  return {
    value: `Bearer ${token}`,
    until: clockMs() + Math.max(seconds * 1000 - MARGIN_MS, 0),
  };
}

function basic({ username, password }: Extract<Credentials, { kind: 'password' }>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
