import { createReadStream, readFileSync, statSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Writable } from 'node:stream';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
}

/**
 * Pushes the image of an OCI layout, for one platform or several, to a registry with plain HTTP, unless it is
 * there. Independent of src/ on purpose: a mistake there would otherwise be made on both sides.
 */
export async function pushLayout(
  dir: string,
  registry: string,
  repository: string,
  tag: string,
): Promise<void> {
  const index = readJson(join(dir, 'index.json')) as { manifests: [Descriptor] };
  const [manifest] = index.manifests;
  const base = `${registry}/v2/${repository}`;
  const there = await send('HEAD', `${base}/manifests/${tag}`, { accept: manifest.mediaType });
  if (there.status === 200 && there.headers['docker-content-digest'] === manifest.digest) return;
  for (const part of partsOf(dir, manifest)) await pushManifest(dir, base, part, part.digest);
  await pushManifest(dir, base, manifest, tag);
}

/** The manifests that an index names; none for a manifest. */
function partsOf(dir: string, descriptor: Descriptor): readonly Descriptor[] {
  const { manifests = [] } = readJson(blobPath(dir, descriptor)) as { manifests?: Descriptor[] };
  return manifests;
}

async function pushManifest(
  dir: string,
  base: string,
  descriptor: Descriptor,
  name: string,
): Promise<void> {
  const manifest = readJson(blobPath(dir, descriptor)) as {
    config?: Descriptor;
    layers?: Descriptor[];
  };
  const blobs = [
    ...(manifest.config === undefined ? [] : [manifest.config]),
    ...(manifest.layers ?? []),
  ];
  for (const blob of blobs) await pushBlob(base, blob, blobPath(dir, blob));
  const type = { 'content-type': descriptor.mediaType };
  const put = await send('PUT', `${base}/manifests/${name}`, type, blobPath(dir, descriptor));
  expectStatus(put, 201, `PUT the manifest ${name}`);
}

function blobPath(dir: string, { digest }: Descriptor): string {
  return join(dir, 'blobs', digest.replace(':', '/'));
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

async function pushBlob(base: string, { digest }: Descriptor, path: string): Promise<void> {
  const there = await send('HEAD', `${base}/blobs/${digest}`);
  if (there.status === 200) return;
  const begun = await send('POST', `${base}/blobs/uploads/`);
  expectStatus(begun, 202, 'begin an upload');
  const place = new URL(begun.headers.location ?? '', base);
  place.searchParams.set('digest', digest);
  const type = { 'content-type': 'application/octet-stream' };
  const put = await send('PUT', place.href, type, path);
  expectStatus(put, 201, `PUT ${digest}`);
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

async function send(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>> = {},
  path?: string,
): Promise<Answer> {
  const length = path === undefined ? 0 : statSync(path).size;
  const call = request(url, { method, headers: { ...headers, 'content-length': String(length) } });
  const answered = new Promise<Answer>((resolve, reject) => {
    call.on('error', reject);
    call.on('response', (response) => {
      const answer = { status: response.statusCode ?? 0, headers: response.headers };
      pipeline(response, discard()).then(() => resolve(answer), reject);
    });
  });
  if (path === undefined) call.end();
  else await pipeline(createReadStream(path), call);
  return await answered;
}

function discard(): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      done();
    },
  });
}

function expectStatus({ status }: Answer, expected: number, what: string): void {
  if (status !== expected) throw new Error(`Cannot ${what}: the registry says ${String(status)}`);
}
