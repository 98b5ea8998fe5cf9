import type { SecureContext } from 'node:tls';
import { commonAuthorities, hostCertificates, type CertificateOptions } from './certificates.ts';
import { caFileUnusable } from './errors.ts';

/** How TLS is spoken with one host. */
export interface Trust {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
}

const MIN_VERSION = 'TLSv1.2';

/**
 * Gives each host (and port) its trust: the authorities of all, and what is kept for it alone.
 * The result throws BuildError CA_FILE_UNUSABLE.
 */
export function createTrust({
  certificates,
  isInsecure,
}: {
  readonly certificates: CertificateOptions;
  /** True when the certificate of this host and port need not be checked. */
  readonly isInsecure: (host: string) => boolean;
}): (host: string) => Promise<Trust> {
  let common: Promise<SecureContext> | undefined;
  // Reading a machine's authorities takes 40 ms, and where nothing is checked they say nothing.
  const authoritiesFor = async (host: string): Promise<readonly string[]> =>
    isInsecure(host) ? [] : commonAuthorities(certificates);

  async function contextFor(host: string): Promise<SecureContext> {
    const { createSecureContext } = await import('node:tls');
    const own = await hostCertificates(host, certificates);
    if (own === undefined) {
      if (isInsecure(host)) return createSecureContext({ ca: [], minVersion: MIN_VERSION });
      common ??= commonAuthorities(certificates).then((ca) =>
        createSecureContext({ ca: [...ca], minVersion: MIN_VERSION }),
      );
      return common;
    }
    const ca = [...(await authoritiesFor(host)), ...own.ca];
    const client = own.cert.length === 0 ? {} : { cert: own.cert, key: own.key };
    try {
      return createSecureContext({ ca, ...client, minVersion: MIN_VERSION });
    } catch {
      const found =
        'a client certificate or its key cannot be read, or they do not belong together';
      throw caFileUnusable(own.dir, found, `Correct or remove ${own.dir}.`);
    }
  }

  return async (host) => ({
    secureContext: await contextFor(host),
    // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment changes nothing.
    rejectUnauthorized: !isInsecure(host),
  });
}
