import type { GivenAuthorities } from '../exec/step-trust.ts';
import { certificateOptions, type CertificateSources } from '../http/certificate-options.ts';
import { givenAuthorities } from '../http/certificates.ts';
import { parseAuthorities } from '../trust/authorities.ts';

/**
 * The authorities that `--ca-cert` gives to steps, or undefined when it was not used.
 * @throws BuildError CA_FILE_UNUSABLE
 */
export async function readGivenAuthorities(
  sources: CertificateSources,
): Promise<GivenAuthorities | undefined> {
  const given = await givenAuthorities(certificateOptions(sources));
  if (given === undefined) return undefined;
  const { rootCertificates } = await import('node:tls');
  return { authorities: parseAuthorities(given), publicRoots: rootCertificates };
}
