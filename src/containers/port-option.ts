import { ipVersion } from '../core/ip-address.ts';
import { badContainerOption } from './errors.ts';

/** One `-p`: TCP connections to the host's port go to the container's. */
export interface PublishedPort {
  /** Address of the host to listen on. */
  readonly address: string;
  /** 0: any that is free. */
  readonly hostPort: number;
  readonly containerPort: number;
}

const MAX_PORT = 65_535;

/**
 * Reads `[[ADDRESS:]HOST:]CONTAINER[/tcp]`; an address of version 6 stands in brackets.
 * @throws BuildError BAD_CONTAINER_OPTION
 */
export function parsePort(text: string): PublishedPort {
  const bad = (what: string): never => {
    throw badContainerOption('--publish', text, what);
  };
  const [spec = '', protocol = 'tcp', ...more] = text.split('/');
  if (more.length > 0) bad('it has more than one "/"');
  if (protocol !== 'tcp') bad('only TCP can be published');
  const match = /^(?:(?:(\[[^\]]+\]|[^:[\]]+):)?([0-9-]*):)?([0-9-]+)$/.exec(spec);
  if (match === null) return bad('expected [[ADDRESS:]HOST:]CONTAINER');
  const [, bracketed = '0.0.0.0', hostText = '', containerText = ''] = match;
  const address = bracketed.replace(/^\[|\]$/g, '');
  if (ipVersion(address) === 0) bad(`"${address}" is not an IP address`);
  const port = (portText: string): number => {
    if (portText.includes('-')) bad('ranges are not supported');
    const number = Number(portText);
    return number >= 1 && number <= MAX_PORT ? number : bad(`there is no port ${portText}`);
  };
  return {
    address,
    hostPort: hostText === '' ? 0 : port(hostText),
    containerPort: port(containerText),
  };
}

/** `0.0.0.0:8080->80/tcp`, as `docker ps` shows it. */
export function formatPort({ address, hostPort, containerPort }: PublishedPort): string {
  const host = ipVersion(address) === 6 ? `[${address}]` : address;
  return `${host}:${hostPort}->${containerPort}/tcp`;
}
