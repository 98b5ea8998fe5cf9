import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDiskBlobStore } from '../content/disk-blob-store.ts';
import { makeCertificate, OPENSSL } from '../testing/certificates.ts';
import { startMemoryRegistry } from '../testing/memory-registry.ts';
import { openRegistries } from './registries.ts';
import { createRegistryImageSource } from './registry-image-source.ts';

const { signal } = new AbortController();
const AMD64 = { os: 'linux', architecture: 'amd64' };

/** Speaks TLS, and says so to who does not, as servers written in Go do. */
async function startTlsServer(
  dir: string,
): Promise<AsyncDisposable & { readonly host: string; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  await makeCertificate(dir, 'server', '127.0.0.1');
  const [key, cert] = ['server.key', 'server.crt'].map((name) => readFileSync(join(dir, name)));
  const secure = createHttpsServer({ key, cert }, (request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.writeHead(404).end();
  });
  const server = createServer((socket) => {
    socket.once('data', (first: Buffer) => {
      const TLS_HANDSHAKE = 0x16;
      if (first[0] !== TLS_HANDSHAKE) {
        asked.push('plain');
        socket.end(
          'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n',
        );
        return;
      }
      socket.pause();
      socket.unshift(first);
      secure.emit('connection', socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${String(port)}`,
    asked,
    async [Symbol.asyncDispose]() {
      secure.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test.skipIf(OPENSSL === undefined)('a registry on loopback that wants TLS gets it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'plain-'));
  await using server = await startTlsServer(dir);
  using source = createRegistryImageSource({
    registries: {},
    blobs: openDiskBlobStore(dir),
    env: {},
    homeDir: dir,
  });
  for (const name of ['app', 'other']) {
    const missing = { code: 'IMAGE_NOT_FOUND' };
    await expect(source.resolve(`${server.host}/${name}`, AMD64, signal)).rejects.toMatchObject(
      missing,
    );
  }
  expect(server.asked.filter((line) => line === 'plain')).toHaveLength(1);
  expect(server.asked).toContain('GET /v2/other/manifests/latest');
  rmSync(dir, { recursive: true });
});

test.each(['localhost:99999', '256.256.256.256', 'foo.123', 'bad host'])(
  '"%s" is told as an address that there cannot be',
  (registry) => {
    const registries = openRegistries({ registries: {}, env: {}, homeDir: '/' });
    expect(() => registries.clientOf(registry)).toThrow(
      expect.objectContaining({
        code: 'REGISTRY_UNREACHABLE',
        message: `Cannot reach registry "${registry}": there can be no such address`,
        hint: 'Check the host and the port.',
      }) as Error,
    );
  },
);

describe('plain HTTP', () => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

  test.skipIf(address === undefined)(
    'G14 is spoken with other machines only where the user said so',
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'plain-'));
      await using server = await startMemoryRegistry({ kind: 'none' }, address);
      const pull = async (insecure: boolean): Promise<unknown> => {
        using source = createRegistryImageSource({
          registries: { [server.host]: { insecure } },
          blobs: openDiskBlobStore(dir),
          env: {},
          homeDir: dir,
          retryTimings: { firstWaitMs: 1, longestWaitMs: 1 },
        });
        return await source.resolve(`${server.host}/app`, AMD64, signal);
      };
      await expect(pull(false)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
      expect(server.requests).toEqual([]);
      await expect(pull(true)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
      rmSync(dir, { recursive: true });
    },
  );
});
