import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What stand-ins take over from the machine that makes them, so that steps in them reach package
 * archives the way the machine does. It goes into the cached images only, never into this repository.
 */
export interface HostSettings {
  /** Lines for sources.list with the archive that this machine uses. */
  readonly sources: readonly string[];
  /** A line for the backports archive. */
  readonly backports: string;
  /** Certificate authorities of this machine, besides those of Debian's package. */
  readonly certificates: readonly string[];
}

/** Used when the machine names no archive of Debian of its own. */
const DEFAULT_SUITE = 'bookworm';

/** Reads the settings of this machine. */
export function readHostSettings(): HostSettings {
  const uri = debianUri();
  return {
    sources: [`deb ${uri} ${DEFAULT_SUITE} main`, `deb ${uri} ${DEFAULT_SUITE}-updates main`],
    backports: `deb ${uri} ${DEFAULT_SUITE}-backports main`,
    certificates: hostCertificates(),
  };
}

function debianUri(): string {
  const texts = [
    '/etc/apt/sources.list',
    ...listFiles('/etc/apt/sources.list.d').filter((path) => /\.(list|sources)$/.test(path)),
  ].flatMap((path) => (existsSync(path) ? [readFileSync(path, 'utf8')] : []));
  const uris = texts.flatMap((text) =>
    [
      ...text.matchAll(
        /^\s*(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(https?:\/\/\S+\/debian\/?)(?:\s|$)/gm,
      ),
    ].map((match) => match[1] ?? ''),
  );
  const [first] = uris;
  if (first === undefined) throw new Error('No archive of Debian in /etc/apt/sources.list');
  return first;
}

function hostCertificates(): readonly string[] {
  return listFiles('/usr/local/share/ca-certificates').filter((path) => path.endsWith('.crt'));
}

function listFiles(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).map((name) => join(dir, name)) : [];
}
