import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server on loopback that passes requests on, and notes them. */
export interface WatchedServer extends AsyncDisposable {
  /** Address and port. */
  readonly host: string;
  /** `GET /v2/app/manifests/1 200` each. Empty it to begin anew. */
  readonly seen: string[];
}

/** Stands in front of the server at `url`, which is told the address that was asked for. */
export async function watchServer(url: string): Promise<WatchedServer> {
  const { hostname, port } = new URL(url);
  const seen: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    const onward = request({ hostname, port, method, path, headers }, (answer) => {
      const { statusCode = 0 } = answer;
      seen.push(`${method} ${path} ${String(statusCode)}`);
      outgoing.writeHead(statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
