import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import {
  startMemoryRegistry,
  type Fault,
  type MemoryAuth,
  type MemoryRegistry,
} from '../testing/memory-registry.ts';
import { createImagePusher, type PushContent, type PushedImage } from './push-image.ts';
import type { PushBlob } from './upload.ts';

const { signal } = new AbortController();
const LAYER = Buffer.alloc(300_000, 'layer');

let dir: string;
let open: AsyncDisposable[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'push-'));
  open = [];
});
afterEach(async () => {
  for (const one of open) await one[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

async function registry(auth?: MemoryAuth): Promise<MemoryRegistry> {
  const started = await startMemoryRegistry(auth);
  open.push(started);
  return started;
}

function blob(bytes: Buffer | string, mountFrom?: string): PushBlob {
  const all = Buffer.from(bytes);
  return {
    descriptor: { mediaType: MEDIA_TYPE.ociLayer, digest: digestOf(all), size: all.length },
    async *open() {
      await Promise.resolve();
      for (let at = 0; at < all.length; at += 65_536) yield all.subarray(at, at + 65_536);
    },
    mountFrom,
  };
}

const MANIFEST = { bytes: Buffer.from('{"schemaVersion":2}'), mediaType: MEDIA_TYPE.ociManifest };
const CONTENT: PushContent = { blobs: [blob('config'), blob(LAYER)], manifests: [MANIFEST] };

async function push(
  to: MemoryRegistry,
  content: PushContent = CONTENT,
  login?: string,
): Promise<PushedImage> {
  mkdirSync(join(dir, '.docker'), { recursive: true });
  const auth = Buffer.from(login ?? '').toString('base64');
  const auths = login === undefined ? {} : { [to.host]: { auth } };
  writeFileSync(join(dir, '.docker/config.json'), JSON.stringify({ auths }));
  const retryTimings = { firstWaitMs: 1, longestWaitMs: 1 };
  using pusher = createImagePusher({ registries: {}, env: {}, homeDir: dir, retryTimings });
  return await pusher.push(`${to.host}/team/app:v1`, content, signal);
}

function expectPushed(to: MemoryRegistry): void {
  expect(to.manifests.get('team/app:v1')?.bytes).toEqual(MANIFEST.bytes);
  expect([...to.blobs.keys()].sort()).toEqual([digestOf('config'), digestOf(LAYER)].sort());
}

describe('claim()', () => {
  async function claim(to: MemoryRegistry, ...blobs: readonly PushBlob[]): Promise<string[]> {
    const retryTimings = { firstWaitMs: 1, longestWaitMs: 1 };
    using pusher = createImagePusher({ registries: {}, env: {}, homeDir: dir, retryTimings });
    return [...(await pusher.claim(`${to.host}/team/app:v1`, blobs, signal))];
  }
  /** The registry has it, and the repository that is asked has not. */
  function hide(server: MemoryRegistry, status = 404): void {
    server.setFault(({ method }) => (method === 'HEAD' ? { kind: 'answer', status } : undefined));
  }

  test('finds what is there, and sends nothing of what is not', async () => {
    const server = await registry();
    server.putBlob(LAYER);
    expect(await claim(server, blob(LAYER), blob('other'))).toEqual([digestOf(LAYER)]);
    expect(server.requests.filter(({ method }) => method !== 'HEAD' && method !== 'GET')).toEqual(
      [],
    );
  });

  test('mounts what another repository has', async () => {
    const server = await registry();
    server.putBlob(LAYER);
    hide(server);
    expect(await claim(server, blob(LAYER, 'base/image'))).toEqual([digestOf(LAYER)]);
    expect(server.requests.map(({ path }) => path)).toContain(
      `/v2/team/app/blobs/uploads/?mount=${encodeURIComponent(digestOf(LAYER))}&from=base%2Fimage`,
    );
  });

  test('ends the upload that a registry offers instead', async () => {
    const server = await registry();
    expect(await claim(server, blob(LAYER, 'base/image'))).toEqual([]);
    const last = server.requests.at(-1);
    expect(last?.method).toBe('DELETE');
    expect(last?.path).toMatch(/^\/v2\/team\/app\/blobs\/uploads\/./);
  });

  test('gets over a broken connection', async () => {
    const server = await registry();
    server.putBlob(LAYER);
    let count = 0;
    server.setFault(() => (count++ === 0 ? { kind: 'reset' } : undefined));
    expect(await claim(server, blob(LAYER))).toEqual([digestOf(LAYER)]);
  });
});

describe('push()', () => {
  test('sends blobs, then the manifest under the tag', async () => {
    const server = await registry();
    const pushed = await push(server);
    expect(pushed).toEqual({
      digest: digestOf(MANIFEST.bytes),
      sentBytes: LAYER.length + 'config'.length,
    });
    expectPushed(server);
    expect(server.requests.at(-1)).toMatchObject({
      method: 'PUT',
      path: '/v2/team/app/manifests/v1',
    });
  });

  test('sends nothing that is there', async () => {
    const server = await registry();
    await push(server);
    expect((await push(server)).sentBytes).toBe(0);
  });

  test('mounts what another repository of the registry has', async () => {
    const server = await registry();
    server.putBlob(LAYER);
    server.setFault(({ method, path }) =>
      method === 'HEAD' && path.endsWith(digestOf(LAYER))
        ? { kind: 'answer', status: 404 }
        : undefined,
    );
    const pushed = await push(server, {
      blobs: [blob(LAYER, 'base/image')],
      manifests: [MANIFEST],
    });
    expect(pushed.sentBytes).toBe(0);
    expect(server.requests.map(({ path }) => path)).toContain(
      `/v2/team/app/blobs/uploads/?mount=${encodeURIComponent(digestOf(LAYER))}&from=base%2Fimage`,
    );
  });

  test('asks for a token that allows reading where it mounts from, and sends when that is refused', async () => {
    const server = await registry({ kind: 'token' });
    server.setFault(({ path }) =>
      path.includes('from=base') ? { kind: 'answer', status: 403 } : undefined,
    );
    const content = { blobs: [blob(LAYER, 'base/image')], manifests: [MANIFEST] };
    expect((await push(server, content)).sentBytes).toBe(LAYER.length);
    server.setFault(() => undefined);
    server.blobs.clear();
    await push(server, content);
    expect(server.requests.map(({ path }) => path)).toContain(
      '/token?service=test&scope=repository%3Ateam%2Fapp%3Apull%2Cpush&scope=repository%3Abase%2Fimage%3Apull',
    );
  });

  test('puts manifests by digest and the index under the tag', async () => {
    const server = await registry();
    const index = { bytes: Buffer.from('{"manifests":[]}'), mediaType: MEDIA_TYPE.ociIndex };
    const pushed = await push(server, { ...CONTENT, index });
    expect(pushed.digest).toBe(digestOf(index.bytes));
    expect(server.manifests.get('team/app:v1')?.bytes).toEqual(index.bytes);
    expect(server.manifests.has(`team/app@${digestOf(MANIFEST.bytes)}`)).toBe(true);
  });

  test.each([
    ['a token', { kind: 'token', login: 'me:secret' }],
    ['basic', { kind: 'basic', login: 'me:secret' }],
  ] as const)('logs in with %s', async (_, auth) => {
    const server = await registry(auth);
    await push(server, CONTENT, 'me:secret');
    expectPushed(server);
  });

  test('asks for a token that allows pushing', async () => {
    const server = await registry({ kind: 'token' });
    await push(server);
    const scopes = server.requests.filter(({ path }) => path.startsWith('/token'));
    expect(scopes.map(({ path }) => path)).toContain(
      '/token?service=test&scope=repository%3Ateam%2Fapp%3Apull%2Cpush',
    );
  });

  const faults: readonly (readonly [string, Fault])[] = [
    ...[408, 429, 500, 502, 503, 504].map(
      (status) => [`status ${String(status)}`, { kind: 'answer', status }] as const,
    ),
    ['a broken connection', { kind: 'reset' }],
  ];
  test.each(faults)('gets over %s, once at every kind of request', async (_, fault) => {
    const server = await registry();
    const seen = new Set<string>();
    server.setFault(({ method, path }) => {
      const key = `${method} ${path.replace(/upload-\d+/, '')}`;
      if (seen.has(key)) return undefined;
      seen.add(key);
      return fault;
    });
    await push(server);
    expectPushed(server);
  });

  test('G04 gives no credentials to another place that it shall upload to', async () => {
    const [server, other] = [
      await registry({ kind: 'basic', login: 'me:secret' }),
      await registry(),
    ];
    server.setFault(({ method }) =>
      method === 'POST'
        ? { kind: 'answer', status: 202, headers: { location: `http://${other.host}/take` } }
        : undefined,
    );
    await expect(push(server, CONTENT, 'me:secret')).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
    });
    expect(other.requests.length).toBeGreaterThan(0);
    expect(other.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  test('says what the registry says', async () => {
    const server = await registry();
    const body = '{"errors":[{"code":"DENIED","message":"quota\\u001b[31m exceeded token=abc"}]}';
    server.setFault(({ method }) =>
      method === 'POST' ? { kind: 'answer', status: 400, body } : undefined,
    );
    await expect(push(server)).rejects.toThrow(
      `Cannot push "team/app" at registry "${server.host}": status 400: DENIED quota␛[31m exceeded token=***`,
    );
    expect(server.manifests.size).toBe(0);
  });

  test('fails at once, with the reason, when a blob cannot be read', async () => {
    const server = await registry();
    const broken: PushBlob = {
      ...blob(LAYER),
      // eslint-disable-next-line @typescript-eslint/require-await, require-yield
      async *open() {
        throw new Error('the disk is gone');
      },
    };
    await expect(push(server, { blobs: [broken], manifests: [MANIFEST] })).rejects.toThrow(
      'the disk is gone',
    );
    expect(server.manifests.size).toBe(0);
  });

  test('notices when another manifest is stored', async () => {
    const server = await registry();
    const headers = { 'docker-content-digest': digestOf('other') };
    server.setFault(({ method, path }) =>
      method === 'PUT' && path.includes('/manifests/')
        ? { kind: 'answer', status: 201, headers }
        : undefined,
    );
    await expect(push(server)).rejects.toMatchObject({ code: 'REGISTRY_BAD_CONTENT' });
  });
});
