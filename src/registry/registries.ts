import { createCredentialStore, type CredentialStore } from './credentials.ts';
import { createRegistryClient, type Endpoint, type RegistryClient } from './registry-client.ts';
import { certificateOptions } from '../http/certificate-options.ts';
import type { RetryTimings } from '../http/retry.ts';
import { REGISTRY_HTTP_ERRORS } from './errors.ts';
import { isLoopbackHost } from './token-realm.ts';
import { createTransport } from '../http/transport.ts';

/** Mirrors and exceptions by registry host (and port), as in the configuration file. */
export type RegistriesConfig = Readonly<Record<string, RegistryConfig>>;

/** How one registry is reached. */
export interface RegistryConfig {
  /** Asked before the registry itself, in this order: `http://127.0.0.1:5000`, or a host for HTTPS. */
  readonly mirrors?: readonly string[] | undefined;
  /** Plain HTTP is allowed, and certificates are not checked. */
  readonly insecure?: boolean | undefined;
}

/** The clients of a configuration. They share connections, tokens and credentials. */
export interface Registries {
  /** Mirrors in order, then the registry itself. @throws BuildError REGISTRY_UNREACHABLE */
  clientsFor(registry: string): readonly RegistryClient[];
  /** The registry itself: what is pushed belongs there. @throws BuildError REGISTRY_UNREACHABLE */
  clientOf(registry: string): RegistryClient;
  /** Closes connections that are kept open. */
  close(): void;
}

/** What Docker Hub is called in names, and what answers. */
const HUB = { name: 'docker.io', host: 'registry-1.docker.io' };

/** Opens no connection and no file yet. */
export function openRegistries(options: {
  readonly registries: RegistriesConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  /** `--ca-cert`: paths, or `host`. */
  readonly caCerts?: readonly string[] | undefined;
  readonly retryTimings?: RetryTimings | undefined;
  /** Those of the user's files where left out. */
  readonly credentials?: CredentialStore | undefined;
}): Registries {
  const { registries, env, retryTimings } = options;
  const isInsecure = (host: string): boolean =>
    isLoopbackHost(host) || registries[host]?.insecure === true;
  const certificates = certificateOptions(options);
  const transport = createTransport({
    errors: REGISTRY_HTTP_ERRORS,
    isInsecure,
    certificates,
    env,
  });
  const credentials = options.credentials ?? createCredentialStore(options);
  const clients = new Map<string, RegistryClient>();

  function open(endpoint: Endpoint): RegistryClient {
    // Names of images allow more than there are addresses: `localhost:99999`, `256.1.1.1`.
    if (!endpoint.origins.every((origin) => URL.canParse(origin))) {
      const hint = 'Check the host and the port.';
      throw REGISTRY_HTTP_ERRORS.unreachable(endpoint.name, 'there can be no such address', {
        hint,
      });
    }
    const key = `${endpoint.name} ${endpoint.origins.join(' ')}`;
    let client = clients.get(key);
    client ??= createRegistryClient(endpoint, { transport, credentials, retryTimings });
    clients.set(key, client);
    return client;
  }

  return {
    clientsFor(registry) {
      const mirrors = registries[registry]?.mirrors ?? [];
      return [
        ...mirrors.map((mirror) => open(mirrorEndpoint(mirror, isInsecure))),
        open(registryEndpoint(registry, isInsecure)),
      ];
    },
    clientOf: (registry) => open(registryEndpoint(registry, isInsecure)),
    close: () => transport.close(),
  };
}

function registryEndpoint(registry: string, isInsecure: (host: string) => boolean): Endpoint {
  const host = registry === HUB.name ? HUB.host : registry;
  return { name: registry, origins: originsOf(host, isInsecure) };
}

/** A mirror with a scheme is taken at its word: who configures `http://` wants it. */
function mirrorEndpoint(mirror: string, isInsecure: (host: string) => boolean): Endpoint {
  const [, scheme, host = ''] = /^(https?:\/\/)?([^/]*)/.exec(mirror) ?? [];
  const origins = scheme === undefined ? originsOf(host, isInsecure) : [`${scheme}${host}`];
  return { name: host, origins };
}

/**
 * On this host registries mostly speak plain HTTP, and nobody listens in between, so that is tried first there:
 * it spares loading TLS, which takes longer than all else that a cached build asks of a registry.
 */
function originsOf(host: string, isInsecure: (host: string) => boolean): readonly string[] {
  const [secure, plain] = [`https://${host}`, `http://${host}`];
  if (isLoopbackHost(host)) return [plain, secure];
  return isInsecure(host) ? [secure, plain] : [secure];
}
