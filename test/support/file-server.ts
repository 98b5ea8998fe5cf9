import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';

/** A server of fixed texts on loopback. */
export interface FileServer extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves `files` (path with leading slash → text) on a free port; other paths are 404. With
 * `isRendezvous`, the first answers wait until every path was asked for: who asks for one after the
 * other gets none.
 */
export async function startFileServer(
  files: Readonly<Record<string, string>>,
  { isRendezvous = false } = {},
): Promise<FileServer> {
  const texts = new Map(Object.entries(files));
  const missing = new Set(isRendezvous ? texts.keys() : []);
  let waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    waiting.push(() => answer(response, texts.get(path)));
    missing.delete(path);
    if (missing.size > 0) return;
    for (const resume of waiting) resume();
    waiting = [];
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

function answer(response: ServerResponse, text: string | undefined): void {
  response.writeHead(text === undefined ? 404 : 200).end(text ?? 'not found\n');
}
