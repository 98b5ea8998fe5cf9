import { mkdtempSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDiskBlobStore } from '../content/disk-blob-store.ts';
import { startMemoryRegistry } from '../testing/memory-registry.ts';
import { createRegistryImageSource } from './registry-image-source.ts';

const { signal } = new AbortController();
const AMD64 = { os: 'linux', architecture: 'amd64' };

describe('plain HTTP', () => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

  test.skipIf(address === undefined)(
    'is spoken with other machines only where the user said so',
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
