import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../host/replace-file.ts';
import type { ExtraHost } from '../ops/op.ts';

/** Host paths of the files that a step sees as /etc/hosts and /etc/resolv.conf. */
export interface NetworkFiles {
  readonly hosts: string;
  readonly resolvConf: string;
}

/** Longer than any real one; read whole into memory. */
const MAX_RESOLV_CONF_BYTES = 1024 * 1024;

/** Steps that run as another user than root look up names, too. */
const READABLE_BY_ALL = 0o644;

/** What is in the files. */
export interface NetworkFilesRequest {
  readonly hostname: string;
  readonly extraHosts: readonly ExtraHost[];
  /** Takes the place of the host's name servers, which cannot all be reached from another network. */
  readonly nameServer: string | undefined;
}

/**
 * Writes both files below `dir`, once per content, as many steps share them.
 * Nothing of the host's own /etc/hosts reaches a step. Its name servers and search domains do.
 */
export function writeNetworkFiles(dir: string, request: NetworkFilesRequest): NetworkFiles {
  const { hostname, extraHosts, nameServer } = request;
  const resolvConf = readResolvConf('/etc/resolv.conf');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    hosts: writeOnce(dir, 'hosts', hostsText(hostname, extraHosts)),
    resolvConf: writeOnce(
      dir,
      'resolv',
      nameServer === undefined ? resolvConf : replaceNameServers(resolvConf, nameServer),
    ),
  };
}

function hostsText(hostname: string, extraHosts: readonly ExtraHost[]): string {
  const lines = [
    `127.0.0.1\tlocalhost ${hostname}`,
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...extraHosts.map(({ host, address }) => `${address}\t${host}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** A host without the file has no names to look up; a step then has none either. */
function readResolvConf(path: string): string {
  try {
    return statSync(path).size > MAX_RESOLV_CONF_BYTES ? '' : readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** resolv.conf(5) with this name server alone. Search domains and options stay. */
export function replaceNameServers(resolvConf: string, nameServer: string): string {
  const kept = resolvConf
    .split('\n')
    .filter((line) => /^\s*(?:search|domain|options)\s/.test(line));
  return `${[`nameserver ${nameServer}`, ...kept].join('\n')}\n`;
}

/** Writes a file below `dir` under a name that tells what is in it, once for all builds. Gives its path. */
export function writeOnce(dir: string, kind: string, text: string): string {
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const path = join(dir, `${kind}.${hash}`);
  // Its name says what is in it. Half of it is never there under that name.
  if (!existsSync(path)) replaceFile(path, text, READABLE_BY_ALL);
  return path;
}
