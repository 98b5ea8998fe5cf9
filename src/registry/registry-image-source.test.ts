import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDiskBlobStore, type DiskBlobStore } from '../content/disk-blob-store.ts';
import type { Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { MEDIA_TYPE, type Descriptor } from '../image/manifest.ts';
import {
  startMemoryRegistry,
  type Fault,
  type MemoryAuth,
  type MemoryRegistry,
} from '../testing/memory-registry.ts';
import type { ImageSource } from '../image/image-source.ts';
import type { RegistriesConfig } from './registries.ts';
import { createRegistryImageSource } from './registry-image-source.ts';

const { signal } = new AbortController();
const AMD64 = { os: 'linux', architecture: 'amd64' };
const LAYER = gzipSync(Buffer.alloc(200_000, 'layer'), { level: 0 });

let dir: string;
let blobs: DiskBlobStore;
let open: AsyncDisposable[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'registry-'));
  blobs = openDiskBlobStore(dir);
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

function source(
  registries: RegistriesConfig = {},
  login: Record<string, string> = {},
): ImageSource {
  mkdirSync(join(dir, '.docker'), { recursive: true });
  const auths = Object.entries(login).map(([host, text]) => [
    host,
    { auth: Buffer.from(text).toString('base64') },
  ]);
  writeFileSync(
    join(dir, '.docker/config.json'),
    JSON.stringify({ auths: Object.fromEntries(auths) as unknown }),
  );
  const retryTimings = { firstWaitMs: 1, longestWaitMs: 1 };
  const options = { registries, blobs, env: {}, homeDir: dir, retryTimings };
  const created = createRegistryImageSource(options);
  open.push({
    [Symbol.asyncDispose]() {
      created[Symbol.dispose]();
      return Promise.resolve();
    },
  });
  return created;
}

function config(architecture: string): string {
  const diff_ids = [digestOf(`diff ${architecture}`)];
  return JSON.stringify({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids } });
}

function describeBlob(mediaType: string, bytes: Uint8Array | string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: Buffer.from(bytes).length };
}

/** An image of one layer, at `repository:tag`; gives the digest of its manifest. */
function putImage(
  to: MemoryRegistry,
  repository: string,
  tag: string,
  architecture = 'amd64',
): Digest {
  to.putBlob(config(architecture));
  to.putBlob(LAYER);
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config: describeBlob(MEDIA_TYPE.ociConfig, config(architecture)),
    layers: [describeBlob(MEDIA_TYPE.ociLayerGzip, LAYER)],
  };
  return to.putManifest(repository, tag, document, MEDIA_TYPE.ociManifest);
}

async function pullLayer(from: ImageSource, name: string): Promise<Buffer> {
  const image = await from.resolve(name, AMD64, signal);
  const [layer] = image.layers;
  if (layer === undefined) expect.fail();
  const chunks: Uint8Array[] = [];
  for await (const chunk of await from.openLayer(image, layer, 0, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('resolve()', () => {
  test('gives manifest, config and layers, and keeps the small ones in the blob store', async () => {
    const server = await registry();
    const digest = putImage(server, 'team/app', 'v1');
    const image = await source().resolve(`${server.host}/team/app:v1`, AMD64, signal);
    expect(image).toMatchObject({
      name: `${server.host}/team/app:v1`,
      manifestDigest: digest,
      configDigest: digestOf(config('amd64')),
      layers: [{ digest: digestOf(LAYER), size: LAYER.length }],
    });
    expect(blobs.sizeOf(image.configDigest)).toBe(config('amd64').length);
    expect(blobs.sizeOf(digest)).toBeGreaterThan(0);
    expect(server.requests.filter(({ path }) => path.includes(digestOf(LAYER)))).toEqual([]);
  });

  test('asks the registry nothing for a digest whose documents are here', async () => {
    const server = await registry();
    const digest = putImage(server, 'app', 'v1');
    await source().resolve(`${server.host}/app:v1`, AMD64, signal);
    const before = server.requests.length;
    await source().resolve(`${server.host}/app@${digest}`, AMD64, signal);
    expect(server.requests.length).toBe(before);
  });

  test('fetches nothing again for a tag that has not moved, and the new image when it has', async () => {
    const server = await registry();
    const digest = putImage(server, 'app', 'v1');
    const from = source();
    const name = `${server.host}/app:v1`;
    await from.resolve(name, AMD64, signal);
    const before = server.requests.length;
    expect((await from.resolve(name, AMD64, signal)).manifestDigest).toBe(digest);
    expect(server.requests.slice(before).map(({ method }) => method)).toEqual(['HEAD']);
    const old = server.manifests.get('app:v1')?.bytes ?? expect.fail();
    const moved = server.putManifest('app', 'v1', `${old.toString()} `, MEDIA_TYPE.ociManifest);
    expect((await from.resolve(name, AMD64, signal)).manifestDigest).toBe(moved);
  });

  test('chooses the platform in an index, and passes over attestations', async () => {
    const server = await registry();
    putImage(server, 'app', 'amd', 'amd64');
    const arm = putImage(server, 'app', 'arm', 'arm64');
    putIndex(server, 'app', 'all');
    const wanted = { os: 'linux', architecture: 'arm64', variant: 'v8' };
    const image = await source().resolve(`${server.host}/app:all`, wanted, signal);
    expect(image.manifestDigest).toBe(arm);
  });

  test('names the platforms that exist when the wanted one does not', async () => {
    const server = await registry();
    putImage(server, 'app', 'amd', 'amd64');
    putImage(server, 'app', 'arm', 'arm64');
    putIndex(server, 'app', 'all');
    const wanted = { os: 'linux', architecture: 's390x' };
    await expect(source().resolve(`${server.host}/app:all`, wanted, signal)).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      message: `Cannot use "${server.host}/app:all" for platform linux/s390x: it has linux/amd64, linux/arm64`,
    });
  });

  test('says that there is no such tag', async () => {
    const server = await registry();
    putImage(server, 'app', 'v1');
    await expect(source().resolve(`${server.host}/app:v2`, AMD64, signal)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: `Cannot find image "${server.host}/app:v2": registry "${server.host}" has no tag "v2" in "app"`,
      hint: 'Did you mean "v1"?',
    });
  });

  test('says that the registry cannot be reached', async () => {
    const server = await startMemoryRegistry();
    const { host } = server;
    await server[Symbol.asyncDispose]();
    await expect(source().resolve(`${host}/app`, AMD64, signal)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      class: 'registry',
      message: `Cannot reach registry "${host}": the connection is refused`,
    });
  });

  test('stops when it is aborted, also when the registry is silent', async () => {
    const server = await registry();
    const controller = new AbortController();
    server.setFault(() => {
      controller.abort(new Error('enough'));
      return { kind: 'silence' };
    });
    await expect(
      source({ [server.host]: { mirrors: [`http://${server.host}`] } }).resolve(
        `${server.host}/app`,
        AMD64,
        controller.signal,
      ),
    ).rejects.toThrow('enough');
  });
});

function putIndex(server: MemoryRegistry, repository: string, tag: string): void {
  const entries = [...server.manifests].filter(([name]) => name.startsWith(`${repository}@`));
  const manifests = entries.map(([, { bytes, mediaType }], index) => ({
    ...describeBlob(mediaType, bytes),
    platform: { os: 'linux', architecture: index === 0 ? 'amd64' : 'arm64' },
  }));
  const attestation = {
    ...describeBlob(MEDIA_TYPE.ociManifest, 'attestation'),
    platform: { os: 'unknown', architecture: 'unknown' },
  };
  const document = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociIndex,
    manifests: [attestation, ...manifests],
  };
  server.putManifest(repository, tag, document, MEDIA_TYPE.ociIndex);
}

describe('mirrors', () => {
  test('that answer without having it are named when the registry cannot be reached', async () => {
    await using empty = await startMemoryRegistry();
    const from = source({ 'localhost:1': { mirrors: [`http://${empty.host}`] } });
    await expect(from.resolve('localhost:1/base:1', AMD64, signal)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      hint: `Check the name and the tag: "${empty.host}" answered and does not have it`,
    });
  });

  test('that have other tags are asked for them', async () => {
    const mirror = await registry();
    putImage(mirror, 'base', 'latest');
    const from = source({ 'localhost:1': { mirrors: [`http://${mirror.host}`] } });
    await expect(from.resolve('localhost:1/base:lates', AMD64, signal)).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      hint: `Did you mean "latest"? "${mirror.host}" answered and does not have it`,
    });
  });

  test('are asked before the registry, in order, by the same repository', async () => {
    const [empty, full] = [await registry(), await registry()];
    putImage(full, 'library/base', '1');
    const mirrors = [`http://${empty.host}`, `http://${full.host}`];
    const pulled = await pullLayer(source({ 'docker.io': { mirrors } }), 'base:1');
    expect(digestOf(pulled)).toBe(digestOf(LAYER));
    expect(empty.requests.map(({ path }) => path)).toContain('/v2/library/base/manifests/1');
  });

  test('that are down are passed over', async () => {
    const [down, full] = [await startMemoryRegistry(), await registry()];
    const from = source({ [full.host]: { mirrors: [`http://${down.host}`] } });
    await down[Symbol.asyncDispose]();
    putImage(full, 'app', '1');
    expect(digestOf(await pullLayer(from, `${full.host}/app:1`))).toBe(digestOf(LAYER));
  });
});

describe('credentials', () => {
  test.each([
    ['a token for everybody', { kind: 'token' }, {}],
    [
      'a token for a name and password',
      { kind: 'token', login: 'me:secret' },
      { HOST: 'me:secret' },
    ],
    ['basic', { kind: 'basic', login: 'me:se:cret' }, { HOST: 'me:se:cret' }],
    ['a key in the old form', { kind: 'basic', login: 'me:x' }, { 'https://HOST/v1/': 'me:x' }],
  ] as const)('%s', async (_, auth, login) => {
    const server = await registry(auth);
    putImage(server, 'app', '1');
    const logins = Object.entries(login).map(([key, text]) => [
      key.replace('HOST', server.host),
      text,
    ]);
    const from = source({}, Object.fromEntries(logins) as Record<string, string>);
    expect(digestOf(await pullLayer(from, `${server.host}/app:1`))).toBe(digestOf(LAYER));
  });

  test('that are missing or wrong are reported', async () => {
    const server = await registry({ kind: 'basic', login: 'me:secret' });
    const name = `${server.host}/app:1`;
    await expect(source().resolve(name, AMD64, signal)).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      message: `Cannot pull "app" at registry "${server.host}": it wants credentials`,
    });
    const wrong = source({}, { [server.host]: 'me:other' });
    const refused = wrong.resolve(name, AMD64, signal);
    await expect(refused).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      message: `Cannot pull "app" at registry "${server.host}": it refuses the credentials from ${dir}/.docker/config.json`,
    });
    await expect(refused).rejects.not.toThrow('other');
  });

  test('G05 of one port never go to another', async () => {
    const server = await registry({ kind: 'basic', login: 'me:secret' });
    const from = source({}, { '127.0.0.1': 'me:secret', '127.0.0.1:1': 'me:secret' });
    await expect(from.resolve(`${server.host}/app`, AMD64, signal)).rejects.toThrow('credentials');
    expect(server.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  test.each([
    'https://10.0.0.1/t',
    'http://169.254.169.254/t',
    'https://[::1]/t',
    'file:///t',
    'x',
  ])('G02 are not sent to the realm %s', async (realm) => {
    const server = await registry({ kind: 'token', realm });
    const from = source({}, { [server.host]: 'me:secret' });
    await expect(from.resolve(`${server.host}/app`, AMD64, signal)).rejects.toThrow(
      /its token service ".*" is refused/,
    );
    expect(server.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  test('G03 stay behind when a blob is elsewhere', async () => {
    const [server, store] = [
      await registry({ kind: 'basic', login: 'me:secret' }),
      await registry(),
    ];
    putImage(server, 'app', '1');
    store.putBlob(LAYER);
    const path = `/v2/x/blobs/${digestOf(LAYER)}`;
    server.setFault(({ path: asked }) =>
      asked.endsWith(digestOf(LAYER))
        ? { kind: 'answer', status: 307, headers: { location: `http://${store.host}${path}` } }
        : undefined,
    );
    const from = source({}, { [server.host]: 'me:secret' });
    expect(digestOf(await pullLayer(from, `${server.host}/app:1`))).toBe(digestOf(LAYER));
    expect(store.requests.map(({ path: asked, authorization }) => [asked, authorization])).toEqual([
      [path, undefined],
    ]);
  });
});

describe('faults that pass', () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ...[408, 429, 500, 502, 503, 504].map(
      (status) => [`status ${String(status)}`, { kind: 'answer', status }] as const,
    ),
    ['429 and a time to wait', { kind: 'answer', status: 429, headers: { 'retry-after': '0' } }],
    ['a broken connection', { kind: 'reset' }],
    ['half an answer', { kind: 'truncate', bytes: 100 }],
  ];

  test.each(faults)('%s, once at every request', async (_, fault) => {
    const server = await registry({ kind: 'token' });
    putImage(server, 'app', '1');
    const seen = new Set<string>();
    server.setFault(({ path }) => {
      if (seen.has(path)) return undefined;
      seen.add(path);
      return fault;
    });
    expect(digestOf(await pullLayer(source(), `${server.host}/app:1`))).toBe(digestOf(LAYER));
  });

  test('a layer goes on where it broke off', async () => {
    const server = await registry();
    putImage(server, 'app', '1');
    const starts: (string | undefined)[] = [];
    server.setFault(({ path, headers }) => {
      if (!path.endsWith(digestOf(LAYER))) return undefined;
      starts.push(headers.range);
      return starts.length < 8 ? { kind: 'truncate', bytes: 20_000 } : undefined;
    });
    expect(digestOf(await pullLayer(source(), `${server.host}/app:1`))).toBe(digestOf(LAYER));
    expect(starts.slice(0, 3)).toEqual([undefined, 'bytes=20000-', 'bytes=40000-']);
  });

  test('is given up after five tries', async () => {
    const server = await registry();
    server.setFault(() => ({ kind: 'answer', status: 503 }));
    await expect(source({}).resolve(`${server.host}/app`, AMD64, signal)).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: `Cannot pull "app" at registry "${server.host}": status 503`,
    });
    expect(server.requests).toHaveLength(5);
  });
});

describe('bytes that are not what they should be', () => {
  test('G07 what a header says is the digest is only a hint', async () => {
    const server = await registry();
    const digest = putImage(server, 'app', '1');
    server.setFault(({ method, path }) =>
      method === 'HEAD' && path.includes('/manifests/')
        ? { kind: 'answer', status: 200, headers: { 'docker-content-digest': digestOf('other') } }
        : undefined,
    );
    const image = await source().resolve(`${server.host}/app:1`, AMD64, signal);
    expect(image.manifestDigest).toBe(digest);
  });

  test('G11 a digest that another repository has is not found', async () => {
    const server = await registry();
    const digest = putImage(server, 'app', '1');
    const wrong = source().resolve(`${server.host}/other:1@${digest}`, AMD64, signal);
    await expect(wrong).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  test('G07 another manifest than the digest says', async () => {
    const server = await registry();
    const digest = putImage(server, 'app', '1');
    server.setFault(() => ({ kind: 'answer', status: 200, body: '{"schemaVersion":2}' }));
    await expect(
      source().resolve(`${server.host}/app@${digest}`, AMD64, signal),
    ).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
    expect(blobs.sizeOf(digest)).toBeUndefined();
  });

  test.each([
    ['longer', ' '],
    ['other', undefined],
  ])('G09 a %s config', async (_, more) => {
    const server = await registry();
    putImage(server, 'app', '1');
    const text = config('amd64');
    const body = more === undefined ? text.replace('amd64', 'arm64') : text + more;
    server.setFault(({ path }) =>
      path.endsWith(digestOf(text)) ? { kind: 'answer', status: 200, body } : undefined,
    );
    await expect(source().resolve(`${server.host}/app:1`, AMD64, signal)).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
    });
    expect(blobs.sizeOf(digestOf(text))).toBeUndefined();
  });

  test('G10 an index that stands in itself to no end', async () => {
    const server = await registry();
    let inner = describeBlob(MEDIA_TYPE.ociIndex, 'x');
    for (let depth = 0; depth < 10; depth++) {
      const document = JSON.stringify({ schemaVersion: 2, manifests: [inner] });
      server.putManifest('app', '1', document, MEDIA_TYPE.ociIndex);
      inner = describeBlob(MEDIA_TYPE.ociIndex, document);
    }
    await expect(source().resolve(`${server.host}/app:1`, AMD64, signal)).rejects.toThrow(
      'indexes stand in indexes deeper than 4 levels',
    );
  });

  test('G10 a manifest without end', async () => {
    const server = await registry();
    server.setFault(() => ({ kind: 'answer', status: 200, body: ' '.repeat(5 * 1024 * 1024) }));
    await expect(source().resolve(`${server.host}/app:1`, AMD64, signal)).rejects.toThrow(
      'the answer has more than 4194304 bytes',
    );
  });

  test.each([
    ['six redirects', 'LOOP', 'it redirects more than 5 times'],
    ['a redirect to a file', 'file:///etc/passwd', 'it redirects to something that is not HTTP'],
  ])('%s', async (_, location, message) => {
    const server = await registry();
    server.setFault(({ path }) => ({
      kind: 'answer',
      status: 307,
      headers: { location: location === 'LOOP' ? path : location },
    }));
    await expect(source().resolve(`${server.host}/app:1`, AMD64, signal)).rejects.toThrow(message);
  });
});
