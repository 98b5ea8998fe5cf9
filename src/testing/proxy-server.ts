import { createServer, request as openRequest, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

/** A request that a proxy was given. */
export interface ProxiedRequest {
  readonly method: string;
  /** Host and port of a tunnel, or the whole URL. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A proxy in this process. Every name leads to loopback. */
export interface ProxyServer extends AsyncDisposable {
  /** Host and port. */
  readonly host: string;
  readonly requests: readonly ProxiedRequest[];
}

/** How it behaves. */
export interface ProxyOptions {
  /** `name:password` that it wants. */
  readonly login?: string;
  /** Status that every request gets in place of a connection. */
  readonly refuses?: number;
}

/** Starts a proxy on a free port of loopback. */
export async function startProxyServer(options: ProxyOptions = {}): Promise<ProxyServer> {
  const requests: ProxiedRequest[] = [];
  const sockets = new Set<Socket>();
  const refusalOf = (headers: ProxiedRequest['headers']): number | undefined => {
    const { login, refuses } = options;
    const wanted = login && `Basic ${Buffer.from(login).toString('base64')}`;
    return wanted !== undefined && headers['proxy-authorization'] !== wanted ? 407 : refuses;
  };
  const forward: RequestListener = (request, response) => {
    const { method = '', url: target = '', headers } = request;
    requests.push({ method, target, headers });
    const status = refusalOf(headers);
    if (status !== undefined) {
      response.writeHead(status).end();
      return;
    }
    const url = new URL(target);
    const { 'proxy-authorization': _own, ...kept } = headers;
    const onward = openRequest(
      { host: '127.0.0.1', port: url.port, path: url.pathname + url.search, method, headers: kept },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  };
  const server = createServer(forward);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('connect', (request, socket: Socket) => {
    const { url: target = '', headers } = request;
    requests.push({ method: 'CONNECT', target, headers });
    const status = refusalOf(headers);
    if (status !== undefined) {
      socket.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const port = Number(target.split(':').at(-1));
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
    socket.on('close', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
