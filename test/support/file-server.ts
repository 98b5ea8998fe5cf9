import { once } from 'node:events';
import { createServer } from 'node:http';

/** A server of fixed texts on loopback. */
export interface FileServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves `files` (path with leading slash → text) on a free port; other paths are 404. */
export async function startFileServer(
  files: Readonly<Record<string, string>>,
): Promise<FileServer> {
  const texts = new Map(Object.entries(files));
  const server = createServer((request, response) => {
    const text = texts.get(request.url ?? '');
    response.writeHead(text === undefined ? 404 : 200).end(text ?? 'not found\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('No port on loopback');
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
