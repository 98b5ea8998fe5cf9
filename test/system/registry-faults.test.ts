import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '../../src/core/sha256.ts';
import {
  startMemoryRegistry,
  type Fault,
  type MemoryRegistry,
} from '../../src/testing/memory-registry.ts';
import { openRig, type Rig } from '../support/cli.ts';
import { MANIFEST_TYPE, putOneLayerImage } from '../support/one-layer-image.ts';
import { PROGRAM } from '../support/program.ts';

const POLL_MS = 20;
const SECRET = 'canary-password';

let server: MemoryRegistry;
let rig: Rig;
/** The stored bytes of the only layer. */
let layer: Buffer;
let name: string;

beforeEach(async () => {
  server = await startMemoryRegistry({ kind: 'basic', login: `me:${SECRET}` });
  rig = openRig();
  const docker = join(rig.dir, 'home/.docker');
  mkdirSync(docker);
  const auth = Buffer.from(`me:${SECRET}`).toString('base64');
  writeFileSync(
    join(docker, 'config.json'),
    JSON.stringify({ auths: { [server.host]: { auth } } }),
  );
  layer = (await putOneLayerImage(server)).bytes;
  name = `${server.host}/app:1`;
});

afterEach(async () => {
  await rig[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const isLayer = (path: string): boolean => path.endsWith(digestOf(layer));
const answer = (status: number, headers: Record<string, string> = {}): Fault => ({
  kind: 'answer',
  status,
  headers,
});

interface Failing {
  readonly what: string;
  /** `app:1` if left out. */
  readonly reference?: string;
  readonly fault: (path: string) => Fault | undefined;
  readonly code: string;
  readonly found: string;
}

const FAILING: readonly Failing[] = [
  {
    what: '503 again and again',
    fault: (path) => (isLayer(path) ? answer(503, { 'retry-after': '0' }) : undefined),
    code: 'REGISTRY_ERROR',
    found: 'status 503',
  },
  {
    what: '429 again and again',
    fault: (path) => (isLayer(path) ? answer(429, { 'retry-after': '0' }) : undefined),
    code: 'REGISTRY_RATE_LIMITED',
    found: 'too many requests',
  },
  {
    what: 'G09 other bytes of the right size',
    fault: (path) =>
      isLayer(path) ? { kind: 'answer', status: 200, body: Buffer.alloc(layer.length) } : undefined,
    code: 'BLOB_DIGEST_MISMATCH',
    found: 'its bytes have the digest',
  },
  {
    what: 'G09 too many bytes',
    fault: (path) =>
      isLayer(path)
        ? { kind: 'answer', status: 200, body: Buffer.concat([layer, Buffer.from('!')]) }
        : undefined,
    code: 'BLOB_SIZE_MISMATCH',
    found: 'found more',
  },
  {
    what: 'a body that breaks off again and again',
    fault: (path) => (isLayer(path) ? { kind: 'truncate', bytes: 100 } : undefined),
    code: 'REGISTRY_UNREACHABLE',
    found: 'the connection broke',
  },
  {
    what: 'G07 another manifest than the digest asks for',
    reference: `app@sha256:${'7'.repeat(64)}`,
    fault: (path) =>
      path.includes('/manifests/')
        ? {
            kind: 'answer',
            status: 200,
            headers: { 'content-type': MANIFEST_TYPE },
            body: '{"schemaVersion":2}',
          }
        : undefined,
    code: 'INVALID_IMAGE',
    found: `not sha256:${'7'.repeat(64)}`,
  },
  {
    what: 'G10 a manifest without end',
    fault: (path) =>
      path.includes('/manifests/')
        ? {
            kind: 'answer',
            status: 200,
            headers: { 'content-type': MANIFEST_TYPE },
            body: Buffer.alloc(9_000_000, ' '),
          }
        : undefined,
    code: 'REGISTRY_ERROR',
    found: 'Cannot read an answer at registry',
  },
  {
    what: 'G03 redirects without end',
    fault: (path) => (isLayer(path) ? answer(307, { location: path }) : undefined),
    code: 'REGISTRY_ERROR',
    found: 'it redirects more than 5 times',
  },
  {
    what: 'G08 a manifest with a key twice',
    fault: (path) =>
      path.includes('/manifests/')
        ? {
            kind: 'answer',
            status: 200,
            headers: { 'content-type': MANIFEST_TYPE },
            body: '{"schemaVersion":2,"layers":[],"layers":[]}',
          }
        : undefined,
    code: 'INVALID_IMAGE',
    found: 'layers',
  },
];

test.each(FAILING)('$what: one error, five tries at most, and no image', async (failing) => {
  const seen = new Map<string, number>();
  server.setFault(({ method, path }) => {
    seen.set(`${method} ${path}`, (seen.get(`${method} ${path}`) ?? 0) + 1);
    return failing.fault(path);
  });
  const { stderr, stdout, status } = await rig.run([
    'pull',
    `${server.host}/${failing.reference ?? 'app:1'}`,
  ]);
  expect(stderr).toContain(`error[${failing.code}]`);
  expect(stderr).toContain(failing.found);
  expect(stderr.match(/error\[/g)).toHaveLength(1);
  expect(stdout + stderr).not.toContain(SECRET);
  expect(status).not.toBe(0);
  if (!failing.found.includes('redirect'))
    expect(Math.max(...seen.values())).toBeLessThanOrEqual(6);
  expect((await rig.run(['images', '-q'])).stdout).toBe('');
});

test('a broken connection and a lost answer cost a try, not the pull', async () => {
  const breaks = [{ kind: 'truncate', bytes: 1_000_000 }, { kind: 'reset' }] as const;
  let at = 0;
  server.setFault(({ path }) => (isLayer(path) ? breaks[at++] : undefined));
  const { status, stderr } = await rig.run(['pull', name]);
  expect(status, stderr).toBe(0);
  const ranges = server.requests
    .filter(({ path }) => isLayer(path))
    .map(({ headers }) => headers.range);
  expect(ranges.at(-1)).toBe('bytes=1000000-');
});

test('a pull that was killed goes on where it was', async () => {
  server.setFault(({ path, headers }) =>
    isLayer(path) && headers.range === undefined ? { kind: 'stall', bytes: 2_000_000 } : undefined,
  );
  const running = rig.start(['pull', name]);
  await hasGrown(join(rig.root, 'tmp'), 1_000_000);
  running.kill('SIGKILL');
  await running.ended;
  expect((await rig.run(['images', '-q'])).stdout).toBe('');
  const again = await rig.run(['pull', name]);
  expect(again.status, again.stderr).toBe(0);
  expect(server.requests.at(-1)?.headers.range).toMatch(/^bytes=\d{6,}-$/);
  const listed = await rig.run(['images', '--format', '{{.Repository}}:{{.Tag}}']);
  expect(listed.stdout).toBe(`${name}\n`);
});

/** Until a partial file has so many bytes. */
async function hasGrown(dir: string, bytes: number): Promise<void> {
  for (;;) {
    const files = existsSync(dir) ? readdirSync(dir) : [];
    const sizes = files
      .filter((file) => file.startsWith('partial-'))
      .map((file) => statSync(join(dir, file)).size);
    if (sizes.some((size) => size >= bytes)) return;
    await delay(POLL_MS);
  }
}

test('two that pull the same image at once fetch its layer once', async () => {
  const both = await Promise.all([rig.run(['pull', name]), rig.run(['pull', name])]);
  for (const { status, stderr } of both) expect(status, stderr).toBe(0);
  expect(server.requests.filter(({ path }) => isLayer(path))).toHaveLength(1);
});

test('G03 credentials stay with the registry that they are for', async () => {
  const seen: (string | undefined)[] = [];
  const trap = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(200, { 'content-length': layer.length }).end(layer);
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  const location = `http://127.0.0.1:${String((trap.address() as AddressInfo).port)}/blob`;
  server.setFault(({ path }) => (isLayer(path) ? answer(307, { location }) : undefined));
  const { status, stderr } = await rig.run(['pull', name]);
  trap.closeAllConnections();
  trap.close();
  expect(status, stderr).toBe(0);
  expect(seen).toEqual([undefined]);
});

test('wrong credentials: which registry, and where they are kept', async () => {
  const path = join(rig.dir, 'home/.docker/config.json');
  const wrong = readFileSync(path, 'utf8').replace(
    Buffer.from(`me:${SECRET}`).toString('base64'),
    Buffer.from(`me:${SECRET}x`).toString('base64'),
  );
  writeFileSync(path, wrong);
  const { status, stderr } = await rig.run(['pull', name]);
  expect(status).toBe(5);
  expect(stderr).toContain(
    `Cannot pull "app" at registry "${server.host}": it refuses the credentials from ${path}`,
  );
  expect(stderr).not.toContain(SECRET);
});

test.runIf(process.getuid?.() === 0)('a full disk is named, and leaves no image', async () => {
  const store = join(rig.dir, 'small');
  mkdirSync(store);
  // A mount namespace of its own, so that nothing stays mounted.
  const script = `mount -t tmpfs -o size=2m,mode=700 none "$1" && shift && "$@"`;
  const command = [PROGRAM, 'pull', '--root', store, name];
  const { status, stderr } = await rig.run(['-m', 'sh', '-c', script, 'sh', store, ...command], {
    program: 'unshare',
  });
  expect(stderr).toContain('error[DISK_FULL]');
  expect(status).toBe(6);
});
