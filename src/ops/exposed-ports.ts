import type { Span } from '../diagnostics/source.ts';
import { portInvalid } from './errors.ts';

const PROTOCOLS = ['tcp', 'udp', 'sctp'];
const MAX_PORT = 65_535;

/**
 * The ports that one word of EXPOSE stands for, as `80/tcp`: a port or a range, `tcp` by default.
 * An address and host ports before it (`127.0.0.1:8080:80`) are checked and dropped, as in BuildKit.
 * @throws BuildError PORT_INVALID
 */
export function exposedPorts(word: string, span: Span): string[] {
  const fail = (found: string): never => {
    throw portInvalid(word, found, span);
  };
  const parts = word.split(':');
  const container = parts.at(-1) ?? '';
  const host = parts.at(-2) ?? '';
  const address = parts.slice(0, -2).join(':');
  const slash = container.indexOf('/');
  const range = slash === -1 ? container : container.slice(0, slash);
  const protocol = slash === -1 ? '' : container.slice(slash + 1).toLowerCase();
  if (range === '') fail('no port specified');
  if (protocol !== '' && !PROTOCOLS.includes(protocol)) {
    fail(`invalid proto: ${container.slice(slash + 1)}`);
  }
  if (address !== '' && !isAddress(address)) fail(`invalid IP address: ${address}`);
  const [first, last] = readRange(range) ?? fail(`invalid containerPort: ${range}`);
  if (host !== '') {
    const [hostFirst, hostLast] = readRange(host) ?? fail(`invalid hostPort: ${host}`);
    if (last !== first && hostLast - hostFirst !== last - first) {
      fail(`invalid ranges specified for container and host Ports: ${range} and ${host}`);
    }
  }
  return Array.from(
    { length: last - first + 1 },
    (_, i) => `${first + i}/${protocol === '' ? 'tcp' : protocol}`,
  );
}

function readRange(text: string): [number, number] | undefined {
  const [start = '', end = start, ...rest] = text.split('-');
  const first = readPort(start);
  const last = readPort(end);
  if (rest.length > 0 || first === undefined || last === undefined || last < first)
    return undefined;
  return [first, last];
}

function readPort(text: string): number | undefined {
  const port = /^\+?\d+$/.test(text) ? Number(text) : Number.NaN;
  return port <= MAX_PORT ? port : undefined;
}

function isAddress(text: string): boolean {
  const inner = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  const isIpv4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(inner);
  return isIpv4 || (/^[0-9a-fA-F:.]+$/.test(inner) && inner.includes(':'));
}
