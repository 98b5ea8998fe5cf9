import type { HttpErrors } from './http-errors.ts';
import type { Proxy } from './proxy.ts';
import { PeerTooSlow } from './network-timeout.ts';
import { TransientError } from './retry.ts';
import { ProxyFault } from './tunnel.ts';

/**
 * What to throw when a request got no answer from `host`. Faults that may pass come as TransientError.
 * `proxy` is the one that the request went to in place of the host.
 */
export function connectionFault(
  host: string,
  cause: unknown,
  errors: HttpErrors,
  proxy: Proxy | undefined,
): Error {
  const code = codeOf(cause);
  const found = reasonOf(cause);
  if (proxy !== undefined && (cause instanceof ProxyFault || SOCKET_CODES.has(code))) {
    const hint = 'Check HTTP_PROXY and HTTPS_PROXY, or name the host in NO_PROXY.';
    const text = `proxy "${proxy.url.host}": ${found}`;
    const error = errors.unreachable(host, text, { cause, hint });
    const isFinal = cause instanceof ProxyFault ? cause.isFinal : code === 'ENOTFOUND';
    return isFinal ? error : new TransientError(error);
  }
  if (CLIENT_CERTIFICATE_CODE.test(code) || found === HANDSHAKE_REFUSED) {
    const hint = `Put client.cert and client.key into /etc/docker/certs.d/${host}.`;
    const wants = 'it wants a client certificate, or another one';
    return errors.unreachable(host, wants, { cause, hint });
  }
  if (CERTIFICATE_CODE.test(code)) return errors.untrusted(host, found);
  if (speaksNoTls(cause)) {
    return errors.unreachable(host, 'it does not speak TLS', { cause });
  }
  const hint = cause instanceof PeerTooSlow ? cause.hint : undefined;
  const error = errors.unreachable(host, found, { cause, hint });
  // A misspelt host does not come into being while we wait.
  return code === 'ENOTFOUND' ? error : new TransientError(error);
}

/** True for what a connection fails with when the other side does not speak TLS. */
export function speaksNoTls(cause: unknown): boolean {
  return NO_TLS_CODE.test(codeOf(cause)) || reasonOf(cause) === NO_TLS;
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}

function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  // `write EPROTO 80CC…:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:…`
  const tls = /:error:[\dA-F]+:[^:]*:[^:]*:([^:]+):/.exec(message)?.[1];
  return REASONS[codeOf(cause)] ?? tls ?? message;
}

const CLIENT_CERTIFICATE_CODE =
  /^ERR_SSL_(?:TLSV13_ALERT_CERTIFICATE_REQUIRED|SSLV3_ALERT_BAD_CERTIFICATE|TLSV1_ALERT_UNKNOWN_CA)$/;
/** What TLS 1.2 makes of a client certificate that is missing; servers say it for other reasons too. */
const HANDSHAKE_REFUSED = 'sslv3 alert handshake failure';
const NO_TLS = 'wrong version number';
const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ALTNAME|^HOSTNAME_MISMATCH$/;
const NO_TLS_CODE = /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/;
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
/** What can go wrong before a word is spoken. */
const SOCKET_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
]);
