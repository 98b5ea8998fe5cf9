import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  startMemoryRegistry,
  type Fault,
  type MemoryAuth,
  type MemoryRegistry,
  type SeenRequest,
} from '../../src/testing/memory-registry.ts';
import { openRig, type Rig } from '../support/cli.ts';
import { putOneLayerImage, type OnlyLayer } from '../support/one-layer-image.ts';

const SECRET = 'canary-password';
const MAX_TRIES = 5;
const MIN_CHUNKED_BYTES = 17 * 1024 * 1024;
const HINT =
  'hint: Check the network; where it is slow, set STAGECRAFT_NETWORK_TIMEOUT to more than 1s.';

/** A registry with one image, and a place for the program, which waits for a second and not for 30. */
interface Scene extends AsyncDisposable {
  readonly server: MemoryRegistry;
  readonly rig: Rig;
  readonly layer: OnlyLayer;
  /** Of the image, with the registry. */
  readonly name: string;
}

async function openScene(auth: MemoryAuth['kind'] = 'basic', size?: number): Promise<Scene> {
  const login = `me:${SECRET}`;
  const server = await startMemoryRegistry(
    auth === 'none' ? { kind: auth } : { kind: auth, login },
  );
  const rig = openRig({ env: { STAGECRAFT_NETWORK_TIMEOUT: '1s' } });
  const docker = join(rig.dir, 'home/.docker');
  mkdirSync(docker);
  const auths = { [server.host]: { auth: Buffer.from(login).toString('base64') } };
  writeFileSync(join(docker, 'config.json'), JSON.stringify({ auths }));
  return {
    server,
    rig,
    layer: await putOneLayerImage(server, size),
    name: `${server.host}/app:1`,
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Says which requests get a fault, and how many of them there were. */
function always(server: MemoryRegistry, fits: Fits, fault: Fault): () => number {
  let count = 0;
  server.setFault((request) => {
    if (!fits(request)) return undefined;
    count++;
    return fault;
  });
  return () => count;
}

type Fits = (request: SeenRequest) => boolean;
const asks = (method: string, path: RegExp): Fits => {
  return (request) => request.method === method && path.test(request.path);
};
const SILENCE: Fault = { kind: 'silence' };

interface Pull {
  readonly what: string;
  readonly auth?: MemoryAuth['kind'];
  readonly fits: (layer: OnlyLayer) => Fits;
  readonly fault: Fault;
  readonly found: string;
}

const manifests = /\/manifests\//;
const FAILING_PULLS: readonly Pull[] = [
  {
    what: 'the first question is not answered',
    fits: () => asks('HEAD', manifests),
    fault: SILENCE,
    found: 'no answer in time',
  },
  {
    what: 'the token service does not answer',
    auth: 'token',
    fits: () => asks('GET', /^\/token/),
    fault: SILENCE,
    found: 'no answer in time',
  },
  {
    what: 'the token stops in the middle',
    auth: 'token',
    fits: () => asks('GET', /^\/token/),
    fault: { kind: 'stall', bytes: 5 },
    found: 'nothing more came',
  },
  {
    what: 'the manifest stops in the middle',
    fits: () => asks('GET', manifests),
    fault: { kind: 'stall', bytes: 20 },
    found: 'nothing more came',
  },
  {
    what: 'a layer is not sent',
    fits: ({ digest }) => asks('GET', new RegExp(digest)),
    fault: SILENCE,
    found: 'no answer in time',
  },
  {
    what: 'a layer stops in the middle, always at once',
    fits: ({ digest }) => asks('GET', new RegExp(digest)),
    fault: { kind: 'stall', bytes: 1000 },
    found: 'nothing more came',
  },
  {
    what: 'a layer comes a byte now and then',
    fits: ({ digest }) => asks('GET', new RegExp(digest)),
    fault: { kind: 'drip' },
    found: 'it sends too slowly',
  },
];

test.concurrent.each(FAILING_PULLS)(
  'pull, and $what: one error after five tries, and no image',
  async ({ auth, fits, fault, found }) => {
    await using scene = await openScene(auth);
    const { server, rig, name, layer } = scene;
    const tries = always(server, fits(layer), fault);
    const { status, stdout, stderr } = await rig.run(['pull', name]);
    const text = `Cannot reach registry "${server.host}": ${found}`;
    expect(stderr).toContain(`error[REGISTRY_UNREACHABLE]: ${text}\n  ${HINT}\n`);
    expect(stderr.match(/error\[/g)).toHaveLength(1);
    expect(status).toBe(5);
    expect(tries()).toBe(MAX_TRIES);
    expect(stdout + stderr).not.toContain(SECRET);
    expect((await rig.run(['images', '-aq'])).stdout).toBe('');
    const snapshots = readdirSync(join(rig.root, 'snapshots')).filter((id) => /\d/.test(id));
    expect(snapshots).toEqual([]);
    expect(readdirSync(join(rig.root, 'blobs/sha256'))).not.toContain(layer.digest.slice(7));
  },
);

interface Push {
  readonly what: string;
  readonly auth?: MemoryAuth['kind'];
  readonly fits: Fits;
  readonly size?: number;
  /** Of how many things that happen at the same time each has five tries. */
  readonly atOnce?: number;
}

const FAILING_PUSHES: readonly Push[] = [
  { what: 'whether a blob is there is not said', fits: asks('HEAD', /\/blobs\/sha256:/) },
  {
    what: 'the token service does not answer',
    auth: 'token',
    fits: asks('GET', /^\/token/),
    atOnce: 2,
  },
  { what: 'no upload can begin', fits: asks('POST', /\/blobs\/uploads\//) },
  { what: 'the end of an upload is not confirmed', fits: asks('PUT', /\/blobs\/uploads\//) },
  {
    what: 'a large layer is not taken off the line',
    fits: asks('PUT', /\/blobs\/uploads\//),
    size: MIN_CHUNKED_BYTES,
  },
  { what: 'the manifest is not confirmed', fits: asks('PUT', manifests) },
];

test.concurrent.each(FAILING_PUSHES)(
  'push, and $what: one error after five tries, and no tag',
  async ({ auth, fits, size, atOnce = 1 }) => {
    await using scene = await openScene(auth, size);
    const { server, rig, name } = scene;
    const pulled = await rig.run(['pull', name]);
    expect(pulled.status, pulled.stderr).toBe(0);
    server.blobs.clear();
    const pushed = `${server.host}/other:1`;
    await rig.run(['tag', name, pushed]);
    const byPath = new Map<string, number>();
    server.setFault((request) => {
      if (!fits(request)) return undefined;
      // Each try of an upload has a place of its own.
      const path = request.path.replace(/upload-\d+/, '');
      byPath.set(path, (byPath.get(path) ?? 0) + 1);
      return SILENCE;
    });
    const { status, stdout, stderr } = await rig.run(['push', pushed]);
    const text = `Cannot reach registry "${server.host}": no answer in time`;
    expect(stderr).toContain(`error[REGISTRY_UNREACHABLE]: ${text}\n  ${HINT}\n`);
    expect(stderr.match(/error\[/g)).toHaveLength(1);
    expect(status).toBe(5);
    expect(Math.max(...byPath.values())).toBeLessThanOrEqual(MAX_TRIES * atOnce);
    expect(stdout + stderr).not.toContain(SECRET);
    expect(server.manifests.has('other:1')).toBe(false);
  },
);

/** A fault for the first request that fits. */
function once(server: MemoryRegistry, fits: Fits, fault: Fault): void {
  let isDone = false;
  server.setFault((request) => {
    if (isDone || !fits(request)) return undefined;
    isDone = true;
    return fault;
  });
}

test.concurrent('a layer that stops once is fetched from there on', async () => {
  await using scene = await openScene();
  const { server, rig, name, layer } = scene;
  once(server, asks('GET', new RegExp(layer.digest)), { kind: 'stall', bytes: 1_000_000 });
  const { status, stderr } = await rig.run(['pull', name]);
  expect(status, stderr).toBe(0);
  const ranges = server.requests
    .filter(({ path }) => path.endsWith(layer.digest))
    .map(({ headers }) => headers.range);
  expect(ranges).toEqual([undefined, 'bytes=1000000-']);
});

test.concurrent('a token service that is silent once costs one try', async () => {
  await using scene = await openScene('token');
  const { server, rig, name } = scene;
  once(server, asks('GET', /^\/token/), SILENCE);
  const { status, stderr } = await rig.run(['pull', name]);
  expect(status, stderr).toBe(0);
});

test.concurrent('chunks of a layer whose answers are lost are asked for and sent on', async () => {
  await using scene = await openScene('basic', MIN_CHUNKED_BYTES);
  const { server, rig, name, layer } = scene;
  expect((await rig.run(['pull', name])).status).toBe(0);
  server.blobs.clear();
  const pushed = `${server.host}/other:1`;
  await rig.run(['tag', name, pushed]);
  const lost = new Set<string>();
  server.setFault(({ method, headers }) => {
    const isOfLayer = Number(headers['content-length'] ?? 0) > 1_000_000;
    if (!isOfLayer || lost.has(method)) return undefined;
    lost.add(method);
    return SILENCE;
  });
  const { status, stderr } = await rig.run(['push', pushed]);
  expect(status, stderr).toBe(0);
  expect([...lost]).toEqual(['PUT', 'PATCH']);
  expect(server.blobs.get(layer.digest)?.length).toBe(layer.bytes.length);
});

test.concurrent('a build that pushes to a silent registry ends with one error', async () => {
  await using scene = await openScene();
  const { server, rig } = scene;
  const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  const pushed = `${server.host}/built:1`;
  const tries = always(server, asks('PUT', manifests), SILENCE);
  const { status, stderr } = await rig.run(['build', '--push', '-t', pushed, context]);
  expect(stderr).toContain(`Cannot reach registry "${server.host}": no answer in time`);
  expect(stderr.match(/error\[/g)).toHaveLength(1);
  expect(status).toBe(5);
  expect(tries()).toBe(MAX_TRIES);
});

test.concurrent.each<[string, Fault, string]>([
  ['is silent', SILENCE, 'no answer in time'],
  ['sends a byte now and then', { kind: 'drip' }, 'it sends too slowly'],
])('ADD from a server that %s: one error after five tries', async (_, fault, found) => {
  await using scene = await openScene('none');
  const { server, rig, layer } = scene;
  const tries = always(server, asks('GET', /\/blobs\//), fault);
  const url = `http://${server.host}/v2/app/blobs/${layer.digest}`;
  const context = rig.context({ Dockerfile: `FROM scratch\nADD ${url} /\n` });
  const { status, stderr } = await rig.run(['build', '-t', 'added', context]);
  expect(stderr).toContain(`error[URL_FETCH_FAILED]: Cannot fetch "${url}": ${found}`);
  expect(stderr).toContain(HINT);
  expect(stderr.match(/error\[/g)).toHaveLength(1);
  expect(status).toBe(5);
  expect(tries()).toBe(MAX_TRIES);
  expect((await rig.run(['images', '-aq'])).stdout).toBe('');
});

test('STAGECRAFT_NETWORK_TIMEOUT that is no time is named, and nothing is asked', async () => {
  await using scene = await openScene();
  const { server, rig, name } = scene;
  const env = { STAGECRAFT_NETWORK_TIMEOUT: '90' };
  const { status, stderr } = await rig.run(['pull', name], { env });
  expect(stderr).toBe(
    'error[NETWORK_TIMEOUT_INVALID]: Cannot use "90" of STAGECRAFT_NETWORK_TIMEOUT: it is not a time\n' +
      '  hint: Set it to a time such as "90s" or "5m".\n',
  );
  expect(status).toBe(6);
  expect(server.requests).toEqual([]);
});
