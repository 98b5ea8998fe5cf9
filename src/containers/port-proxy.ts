import { once } from 'node:events';
import { createServer, Socket, type Server } from 'node:net';
import type { NetworkConnector } from '../host/network-connector.ts';
import { hasCode } from '../host/sys.ts';
import { portUnavailable } from './errors.ts';
import type { PublishedPort } from './port-option.ts';

/** Listening ports of the host, until disposed of. */
export interface PortProxy extends AsyncDisposable {
  /** With the host ports that were chosen for 0. */
  readonly ports: readonly PublishedPort[];
}

/**
 * Listens on the host and passes each TCP connection on to the loopback of the container's network
 * namespace. A connection that the container refuses is closed.
 *
 * @throws BuildError PORT_UNAVAILABLE
 */
export async function openPortProxy(
  ports: readonly PublishedPort[],
  network: Pick<NetworkConnector, 'connect'>,
): Promise<PortProxy> {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map((server) => closed(server)));
  };
  try {
    const opened: PublishedPort[] = [];
    for (const port of ports) {
      const server = createServer({ allowHalfOpen: true }, (client) => {
        void passOn(client, port.containerPort, network, sockets);
      });
      opened.push({ ...port, hostPort: await listen(server, port) });
      servers.push(server);
    }
    return { ports: opened, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function passOn(
  client: Socket,
  containerPort: number,
  network: Pick<NetworkConnector, 'connect'>,
  sockets: Set<Socket>,
): Promise<void> {
  let inner: Socket;
  // Until it is piped, nobody else listens to what befalls it.
  client.on('error', () => undefined);
  sockets.add(client);
  try {
    const fd = await network.connect(containerPort);
    inner = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
  } catch {
    // Nobody listens inside: as if nobody listened outside.
    client.destroy();
    sockets.delete(client);
    return;
  }
  // It went away meanwhile.
  if (client.destroyed) {
    inner.destroy();
    sockets.delete(client);
    return;
  }
  for (const [from, to] of [
    [client, inner],
    [inner, client],
  ] as const) {
    sockets.add(from);
    from.pipe(to);
    from.once('error', () => {
      to.destroy();
    });
    from.once('close', () => {
      sockets.delete(from);
      to.destroySoon();
    });
  }
}

async function listen(server: Server, { address, hostPort }: PublishedPort): Promise<number> {
  server.listen({ host: address, port: hostPort });
  try {
    await once(server, 'listening');
  } catch (error) {
    if (hasCode(error, 'EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL')) {
      throw portUnavailable(address, hostPort, (error as NodeJS.ErrnoException).code ?? '');
    }
    throw error;
  }
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : hostPort;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
