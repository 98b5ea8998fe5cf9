import { readFileCapped } from '../host/atomic-file.ts';
import { caFileUnusable } from './errors.ts';

const MAX_CA_BYTES = 16 * 1024 * 1024;

/**
 * The authorities that Node trusts and those in the file (PEM), or undefined for the usual ones alone.
 * @throws BuildError CA_FILE_UNUSABLE
 */
export async function loadCertificates(
  extraPath: string | undefined,
): Promise<readonly string[] | undefined> {
  if (extraPath === undefined || extraPath === '') return undefined;
  const bytes = readFileCapped(extraPath, MAX_CA_BYTES);
  if (bytes === undefined) throw caFileUnusable(extraPath, 'there is no such file');
  const blocks = bytes
    .toString('latin1')
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw caFileUnusable(extraPath, 'it holds no certificate in PEM form');
  const { rootCertificates } = await import('node:tls');
  return [...rootCertificates, ...blocks];
}
