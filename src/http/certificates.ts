import { HOST_AUTHORITIES } from './certificate-options.ts';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readFileCapped } from '../host/atomic-file.ts';
import { caFileUnusable } from './errors.ts';

/** Where certificates are looked for. */
export interface CertificateOptions {
  /** Files (PEM) with authorities besides those of the system. */
  readonly extraCaPaths: readonly string[];
  /** `--ca-cert`: more files (PEM); `host` adds nothing to what is trusted here. */
  readonly given?: readonly string[] | undefined;
  /**
   * Directories with one directory for each host (and port), as Docker and Podman have them: `*.crt` are
   * authorities, `x.cert` with `x.key` proves who we are. The first that has the host counts.
   */
  readonly hostDirs: readonly string[];
  /** The authorities of the system in place of the usual file (SSL_CERT_FILE). */
  readonly systemCaPath?: string | undefined;
}

const MAX_CA_BYTES = 16 * 1024 * 1024;
const MAX_KEY_BYTES = 1024 * 1024;
const MAX_FILES_PER_HOST = 100;
/** Where distributions keep the authorities that programs are to trust; the first that exists counts. */
const SYSTEM_CA_PATHS: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Authorities for every host: those of the system (of Node where it has none) and those of the extra
 * files. @throws BuildError CA_FILE_UNUSABLE
 */
export async function commonAuthorities(options: CertificateOptions): Promise<readonly string[]> {
  return [...(await hostAuthorities(options)), ...(await filesGiven(options))];
}

/** What `--ca-cert` gives, or undefined when it was not used. @throws BuildError CA_FILE_UNUSABLE */
export async function givenAuthorities(
  options: CertificateOptions,
): Promise<readonly string[] | undefined> {
  const { given = [] } = options;
  if (given.length === 0) return undefined;
  const host = given.includes(HOST_AUTHORITIES) ? await hostAuthorities(options) : [];
  return [...host, ...(await filesGiven(options))];
}

async function hostAuthorities(options: CertificateOptions): Promise<readonly string[]> {
  const extra: string[] = [];
  for (const path of options.extraCaPaths) {
    extra.push(...(await readAuthorities(path, 'Correct or unset STAGECRAFT_EXTRA_CA_CERTS.')));
  }
  return [...(await systemAuthorities(options.systemCaPath)), ...extra];
}

async function filesGiven({ given = [] }: CertificateOptions): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of given.filter((each) => each !== HOST_AUTHORITIES)) {
    found.push(...(await readAuthorities(path, 'Give a file in PEM form, or "host".')));
  }
  return found;
}

async function systemAuthorities(named: string | undefined): Promise<readonly string[]> {
  const isNamed = named !== undefined && named !== '';
  for (const path of isNamed ? [named] : SYSTEM_CA_PATHS) {
    const blocks = pemBlocks(readFileCapped(path, MAX_CA_BYTES));
    if (blocks.length > 0) return blocks;
  }
  if (isNamed) throw caFileUnusable(named, NO_CERTIFICATE, 'Correct or unset SSL_CERT_FILE.');
  const { rootCertificates } = await import('node:tls');
  return rootCertificates;
}

/** What is kept for one host. */
export interface HostCertificates {
  /** Where it is. */
  readonly dir: string;
  /** Authorities besides the common ones. */
  readonly ca: readonly string[];
  /** Client certificates and, at the same places, their keys. */
  readonly cert: Buffer[];
  readonly key: Buffer[];
}

/**
 * Authorities and client certificates that are kept for one host (and port), or undefined when there is
 * no directory for it. @throws BuildError CA_FILE_UNUSABLE
 */
export async function hostCertificates(
  host: string,
  { hostDirs }: CertificateOptions,
): Promise<HostCertificates | undefined> {
  for (const parent of hostDirs) {
    const dir = join(parent, host);
    const names = namesIn(dir);
    if (names === undefined) continue;
    const hint = `Correct or remove ${dir}.`;
    const ca: string[] = [];
    const cert: Buffer[] = [];
    const key: Buffer[] = [];
    for (const name of names) {
      if (name.endsWith('.crt')) ca.push(...(await readAuthorities(join(dir, name), hint)));
      if (!name.endsWith('.cert')) continue;
      const keyName = `${name.slice(0, -'.cert'.length)}.key`;
      const secret = readFileCapped(join(dir, keyName), MAX_KEY_BYTES);
      const own = readFileCapped(join(dir, name), MAX_KEY_BYTES);
      if (secret === undefined || own === undefined) {
        throw caFileUnusable(dir, `"${name}" has no "${keyName}" beside it`, hint);
      }
      cert.push(own);
      key.push(secret);
    }
    return { dir, ca, cert, key };
  }
  return undefined;
}

function namesIn(dir: string): readonly string[] | undefined {
  try {
    return readdirSync(dir).sort().slice(0, MAX_FILES_PER_HOST);
  } catch {
    // No such directory, or one that is not for us: other users' certificates are theirs.
    return undefined;
  }
}

const NO_CERTIFICATE = 'it holds no certificate in PEM form';

async function readAuthorities(path: string, hint: string): Promise<readonly string[]> {
  const bytes = readFileCapped(path, MAX_CA_BYTES);
  if (bytes === undefined) throw caFileUnusable(path, 'there is no such file', hint);
  const blocks = pemBlocks(bytes);
  if (blocks.length === 0) throw caFileUnusable(path, NO_CERTIFICATE, hint);
  const { X509Certificate } = await import('node:crypto');
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch {
      throw caFileUnusable(path, 'a certificate in it cannot be read', hint);
    }
  }
  return blocks;
}

function pemBlocks(bytes: Buffer | undefined): readonly string[] {
  return (
    bytes?.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ??
    []
  );
}
