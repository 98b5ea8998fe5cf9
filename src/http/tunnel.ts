import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Proxy } from './proxy.ts';

/** A proxy that cannot be reached, or does not let us through. */
export class ProxyFault extends Error {
  override readonly name = 'ProxyFault';
  /** True when another try cannot do better. */
  readonly isFinal: boolean;

  constructor(message: string, isFinal: boolean, cause?: unknown) {
    super(message, { cause });
    this.isFinal = isFinal;
  }
}

/** Where a tunnel leads, and what is needed on the way. */
export interface TunnelTarget {
  /** Host and port. */
  readonly authority: string;
  /** How the proxy itself is spoken to over TLS. */
  readonly proxyTls: ConnectionOptions;
  readonly timeoutMs: number;
}

/**
 * A connection to `target.authority` through a proxy (RFC 9110, 9.3.6). What is sent on it is not seen by
 * the proxy once TLS is spoken. @throws ProxyFault
 */
export async function openTunnel(proxy: Proxy, target: TunnelTarget): Promise<Socket> {
  const { url, authorization } = proxy;
  const { request: open } = await (url.protocol === 'https:'
    ? import('node:https')
    : import('node:http'));
  return new Promise((resolve, reject) => {
    const request = open({
      ...(url.protocol === 'https:' ? target.proxyTls : {}),
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
      method: 'CONNECT',
      path: target.authority,
      headers: {
        host: target.authority,
        ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
      },
      agent: false,
    });
    const timer = setTimeout(() => {
      request.destroy(new ProxyFault('it does not answer in time', false));
    }, target.timeoutMs);
    request.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    // Whatever is no success has an ordinary body.
    request.once('response', (response) => {
      clearTimeout(timer);
      response.destroy();
      reject(refusal(response));
    });
    request.once('connect', (response: IncomingMessage, socket: Socket) => {
      clearTimeout(timer);
      if (response.statusCode === 200) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(refusal(response));
    });
    request.end();
  });
}

/** What a proxy means by an answer that is no success. */
export function refusal({ statusCode = 0 }: Pick<IncomingMessage, 'statusCode'>): ProxyFault {
  if (statusCode === 407) return new ProxyFault('it wants credentials, or other ones', true);
  return new ProxyFault(`it refuses with status ${statusCode}`, statusCode < 500);
}
