import { BuildError } from '../diagnostics/build-error.ts';
import type { FaultDetails, HttpErrors } from '../http/http-errors.ts';
import { shown } from '../image/errors.ts';

/** What error bodies and messages of registries may not carry into ours. */
const CREDENTIALS =
  /\b(bearer|basic)\s+[\w.~+/=-]{8,}|\b(token|password|secret|sig|signature)=[^&\s"]+/gi;

/** Text from a registry or a credential program, fit for a message: short, one line, no credentials. */
export function shownRemote(text: string): string {
  return shown(
    text.replace(CREDENTIALS, (_, scheme?: string, key?: string) =>
      key === undefined ? `${scheme ?? ''} ***` : `${key}=***`,
    ),
  );
}

/** No connection, or one that broke again and again. `host` is host and port. */
function registryUnreachable(host: string, found: string, details: FaultDetails): BuildError {
  return new BuildError({
    code: 'REGISTRY_UNREACHABLE',
    class: 'registry',
    message: `Cannot reach registry "${shown(host)}": ${shownRemote(found)}`,
    hint:
      details.hint ??
      'Check the network, the name of the registry and its mirrors in the configuration.',
    cause: details.cause,
  });
}

/** The certificate of the registry is not one to trust. */
function registryUntrusted(host: string, found: string): BuildError {
  return new BuildError({
    code: 'REGISTRY_UNTRUSTED',
    class: 'registry',
    message: `Cannot trust registry "${shown(host)}": ${shownRemote(found)}`,
    hint: `Put the certificate of its authority into /etc/docker/certs.d/${shown(host)}/ca.crt.`,
  });
}

/** What is done by who is asked for credentials right now. */
export const LOG_IN = 'log in';

/** The registry wants credentials, or other ones. `source` is where those that it refuses are kept. */
export function registryUnauthorized(
  host: string,
  what: string,
  source: string | undefined,
): BuildError {
  const found =
    source === undefined
      ? 'it wants credentials'
      : `it refuses the credentials from ${shown(source)}`;
  return new BuildError({
    code: 'REGISTRY_UNAUTHORIZED',
    class: 'registry',
    message: `Cannot ${what} at registry "${shown(host)}": ${found}`,
    hint:
      what === LOG_IN
        ? 'Check the name and the password.'
        : `Log in to ${shown(host)} with the right account; the name may also be wrong, as registries hide what is private.`,
  });
}

/** Too many requests, also after waiting. */
export function registryRateLimited(host: string, found: string): BuildError {
  return new BuildError({
    code: 'REGISTRY_RATE_LIMITED',
    class: 'registry',
    message: `Cannot go on at registry "${shown(host)}": too many requests: ${shownRemote(found)}`,
    hint: 'Log in for a higher limit, wait, or set a mirror in the configuration.',
  });
}

/** Any other answer that is not what was asked for. */
export function registryFailed(host: string, what: string, found: string): BuildError {
  return new BuildError({
    code: 'REGISTRY_ERROR',
    class: 'registry',
    message: `Cannot ${what} at registry "${shown(host)}": ${shownRemote(found)}`,
  });
}

/** Bytes that are not the ones of their digest or size. */
export function registryBadContent(host: string, what: string, found: string): BuildError {
  return new BuildError({
    code: 'REGISTRY_BAD_CONTENT',
    class: 'registry',
    message: `Cannot use ${shown(what)} from registry "${shown(host)}": ${shown(found)}`,
  });
}

/** A file or program with credentials cannot be used. Going on without could pull another image. */
export function credentialsUnusable(source: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'CREDENTIALS_UNUSABLE',
    class: 'host',
    message: `Cannot read credentials from ${shown(source)}: ${shownRemote(found)}`,
    hint,
  });
}

/** How connections to registries tell of their faults. */
export const REGISTRY_HTTP_ERRORS: HttpErrors = {
  unreachable: registryUnreachable,
  untrusted: registryUntrusted,
  failed: registryFailed,
};
