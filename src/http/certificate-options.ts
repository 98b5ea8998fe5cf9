import { isAbsolute, join } from 'node:path';
import type { CertificateOptions } from './certificates.ts';

/** In place of a file: the authorities that this machine trusts. */
export const HOST_AUTHORITIES = 'host';

/** What this user's certificates are found by. */
export interface CertificateSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
  /** As `--ca-cert` takes them: absolute paths of files, or `host` for those of this machine. */
  readonly caCerts?: readonly string[] | undefined;
}

/**
 * Where this user's certificates are. STAGECRAFT_EXTRA_CA_CERTS and SSL_CERT_FILE name files; directories
 * by host are those of Podman and of Docker, the user's before the system's.
 */
export function certificateOptions({
  env,
  homeDir,
  caCerts,
}: CertificateSources): CertificateOptions {
  const extra = env['STAGECRAFT_EXTRA_CA_CERTS'];
  const base = env['XDG_CONFIG_HOME'];
  const config = base === undefined || !isAbsolute(base) ? join(homeDir, '.config') : base;
  return {
    extraCaPaths: extra === undefined || extra === '' ? [] : [extra],
    systemCaPath: env['SSL_CERT_FILE'],
    given: caCerts ?? [],
    hostDirs: [
      join(config, 'containers/certs.d'),
      join(config, 'docker/certs.d'),
      '/etc/containers/certs.d',
      '/etc/docker/certs.d',
    ],
  };
}
