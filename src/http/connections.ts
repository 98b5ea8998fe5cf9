import type { Agent, RequestOptions } from 'node:http';
import type { CertificateOptions } from './certificates.ts';
import { proxyFor, type Proxy } from './proxy.ts';
import { createTrust } from './trust.ts';
import { openTunnel } from './tunnel.ts';

/** How requests to one origin are sent. */
export interface Route {
  readonly agent: Agent;
  /** Set when the origin is behind a proxy. */
  readonly proxy: Proxy | undefined;
  /** Protocol that is spoken with whoever takes the request. */
  readonly protocol: 'http:' | 'https:';
  /** Host, port, path and headers that lead there. */
  options(url: URL): Address;
}

/** Where a request is sent. */
interface Address extends Pick<RequestOptions, 'host' | 'port' | 'path'> {
  readonly headers: Readonly<Record<string, string>>;
}

/** What decides about connections. */
export interface ConnectionOptions {
  /** True when the certificate of this host and port need not be checked. */
  readonly isInsecure: (host: string) => boolean;
  readonly certificates: CertificateOptions;
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read from here. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly connectMs: number;
}

/** Connections by origin. They are kept open between requests. */
export interface Connections {
  /** @throws BuildError CA_FILE_UNUSABLE, PROXY_UNUSABLE */
  routeTo(url: URL): Promise<Route>;
  close(): void;
}

const MAX_SOCKETS_PER_HOST = 6;
const AGENT_OPTIONS = { keepAlive: true, maxSockets: MAX_SOCKETS_PER_HOST };

/** Opens nothing and loads no HTTP or TLS code before the first route is asked for. */
export function createConnections(options: ConnectionOptions): Connections {
  const routes = new Map<string, Promise<Route>>();
  const agents = new Set<Agent>();
  const tlsFor = createTrust(options);

  function kept<A extends Agent>(agent: A): A {
    agents.add(agent);
    return agent;
  }

  async function open(url: URL): Promise<Route> {
    const proxy = proxyFor(url, options.env);
    if (url.protocol === 'https:') {
      const https = await import('node:https');
      const agent = kept(new https.Agent({ ...AGENT_OPTIONS, ...(await tlsFor(url.host)) }));
      if (proxy !== undefined) await tunnel(agent, url, proxy);
      return { agent, proxy, protocol: 'https:', options: addressOf };
    }
    if (proxy?.url.protocol === 'https:') {
      const https = await import('node:https');
      const tls = await tlsFor(proxy.url.host);
      const agent = kept(new https.Agent({ ...AGENT_OPTIONS, ...tls }));
      return { agent, proxy, protocol: 'https:', options: forwarding(proxy) };
    }
    const http = await import('node:http');
    const agent = kept(new http.Agent(AGENT_OPTIONS));
    const address = proxy === undefined ? addressOf : forwarding(proxy);
    return { agent, proxy, protocol: 'http:', options: address };
  }

  /** Lets the agent begin TLS inside tunnels. */
  async function tunnel(agent: Agent, url: URL, proxy: Proxy): Promise<void> {
    const { connect } = await import('node:tls');
    const inner = await tlsFor(url.host);
    const proxyTls = proxy.url.protocol === 'https:' ? await tlsFor(proxy.url.host) : {};
    const servername = /^[\d.]+$|^\[/.test(url.hostname) ? {} : { servername: url.hostname };
    const authority = `${url.hostname}:${url.port === '' ? '443' : url.port}`;
    const target = { authority, proxyTls, timeoutMs: options.connectMs };
    const host = bare(url.hostname);
    agent.createConnection = (_, callback) => {
      openTunnel(proxy, target).then(
        (socket) => {
          const secure = connect({ ...inner, ...servername, host, socket });
          callback?.(null, secure);
        },
        // Node passes an error on and looks at nothing else then.
        (error: unknown) => (callback as ((error: unknown) => void) | undefined)?.(error),
      );
      return undefined;
    };
  }

  return {
    routeTo(url) {
      let route = routes.get(url.origin);
      route ??= open(url);
      routes.set(url.origin, route);
      return route;
    },
    close() {
      for (const agent of agents) agent.destroy();
      agents.clear();
      routes.clear();
    },
  };
}

function addressOf(url: URL): Address {
  const port = url.port === '' ? undefined : url.port;
  return { host: bare(url.hostname), port, path: `${url.pathname}${url.search}`, headers: {} };
}

/** Plain HTTP through a proxy: the proxy takes the request, with the whole URL in its first line. */
function forwarding({ url: proxyUrl, authorization }: Proxy): Route['options'] {
  return (url) => ({
    ...addressOf(proxyUrl),
    path: `${url.origin}${url.pathname}${url.search}`,
    headers: {
      host: url.host,
      ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
    },
  });
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
