import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What stand-ins take over from the machine that makes them: the archive of Debian's packages, which
 * may be a mirror, so that apt in steps finds it. It goes into the cached images only, never into this
 * repository. Certificate authorities of the machine are not among it: as with real images, steps trust
 * what the image trusts, and `--ca-cert` adds to that.
 */
export interface HostSettings {
  /** Lines for sources.list with the archive that this machine uses. */
  readonly sources: readonly string[];
  /** A line for the backports archive. */
  readonly backports: string;
}

/** Used when the machine names no archive of Debian of its own. */
const DEFAULT_SUITE = 'bookworm';
/** Of Debian's package ca-certificates; what a machine adds is elsewhere. */
const AUTHORITIES = '/usr/share/ca-certificates/mozilla';

/** Reads the settings of this machine. */
export function readHostSettings(): HostSettings {
  const uri = debianUri();
  return {
    sources: [`deb ${uri} ${DEFAULT_SUITE} main`, `deb ${uri} ${DEFAULT_SUITE}-updates main`],
    backports: `deb ${uri} ${DEFAULT_SUITE}-backports main`,
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

/** The bundle of certificate authorities that Debian's package makes, without those of this machine. */
export function readDebianAuthorities(): string {
  const names = listFiles(AUTHORITIES).filter((path) => path.endsWith('.crt'));
  if (names.length === 0) throw new Error(`No certificate authorities of Debian in ${AUTHORITIES}`);
  return names
    .sort()
    .map((path) => readFileSync(path, 'utf8'))
    .join('');
}

function listFiles(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).map((name) => join(dir, name)) : [];
}
