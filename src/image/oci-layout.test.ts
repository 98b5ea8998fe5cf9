import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDiskBlobStore, type DiskBlobStore } from '../content/disk-blob-store.ts';
import { hexOf, type Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { MEDIA_TYPE, type Descriptor } from './manifest.ts';
import { createLayoutImageSource } from './oci-layout.ts';

const { signal } = new AbortController();
const AMD64 = { os: 'linux', architecture: 'amd64' };

let root: string;
let dir: string;
let blobs: DiskBlobStore;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'layout-'));
  dir = join(root, 'layout');
  blobs = openDiskBlobStore(join(root, 'store'));
  mkdirSync(join(dir, 'blobs/sha256'), { recursive: true });
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
});
afterEach(() => rmSync(root, { recursive: true }));

function put(mediaType: string, document: unknown): Descriptor {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  const digest = digestOf(text);
  writeFileSync(join(dir, 'blobs/sha256', hexOf(digest)), text);
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

function putImage(seed: string, architecture = 'amd64'): Descriptor {
  const layer = put(MEDIA_TYPE.ociLayer, `layer ${seed}`);
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = put(MEDIA_TYPE.ociConfig, { os: 'linux', architecture, rootfs });
  return put(MEDIA_TYPE.ociManifest, { schemaVersion: 2, config, layers: [layer] });
}

function putIndexes(...entries: readonly Descriptor[]): void {
  writeFileSync(join(dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }));
}

function tagged(entry: Descriptor, name: string): Descriptor {
  return { ...entry, annotations: { 'org.opencontainers.image.ref.name': name } };
}

async function resolve(name: string, platform = AMD64): Promise<Digest> {
  return (await createLayoutImageSource(dir, blobs).resolve(name, platform, signal)).manifestDigest;
}

describe('createLayoutImageSource()', () => {
  test('finds images by tag, by full name and by digest', async () => {
    const [a, b] = [putImage('a'), putImage('b')];
    putIndexes(tagged(a, 'v1'), tagged(b, 'docker.io/library/app:v2'));
    expect(await resolve('v1')).toBe(a.digest);
    expect(await resolve('app:v1')).toBe(a.digest);
    expect(await resolve('v2')).toBe(b.digest);
    expect(await resolve('docker.io/library/app:v2')).toBe(b.digest);
    expect(await resolve(b.digest)).toBe(b.digest);
    expect(await resolve(`app@${b.digest}`)).toBe(b.digest);
  });

  test('takes an only image without a name under any name, and one with a name as latest', async () => {
    const a = putImage('a');
    putIndexes(a);
    expect(await resolve('whatever')).toBe(a.digest);
    putIndexes(tagged(a, 'v1'));
    expect(await resolve('latest')).toBe(a.digest);
    await expect(resolve('v2')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: `Cannot find image "oci-layout://${dir}:v2": the OCI layout has no such tag: it has v1`,
      hint: 'Name one, e.g. "v1".',
    });
  });

  test('lists the tags when none fits', async () => {
    putIndexes(tagged(putImage('a'), 'v1'), tagged(putImage('b'), 'v2'));
    await expect(resolve('v3')).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: `Cannot find image "oci-layout://${dir}:v3": the OCI layout has no such tag: it has v1, v2`,
      hint: 'Name one, e.g. "v1".',
    });
  });

  test('chooses the platform in an index, and finds images in it by digest', async () => {
    const [amd, arm] = [putImage('a'), putImage('b', 'arm64')];
    const manifests = [
      { ...amd, platform: AMD64 },
      { ...arm, platform: { os: 'linux', architecture: 'arm64' } },
    ];
    putIndexes(tagged(put(MEDIA_TYPE.ociIndex, { schemaVersion: 2, manifests }), 'v1'));
    const arm64 = { os: 'linux', architecture: 'arm64' };
    expect(await resolve('v1', arm64)).toBe(arm.digest);
    expect(await resolve(arm.digest, arm64)).toBe(arm.digest);
    await expect(resolve('v1', { os: 'linux', architecture: 'arm' })).rejects.toThrow(
      'for platform linux/arm: it has linux/amd64, linux/arm64',
    );
  });

  test('gives the bytes of layers, and keeps manifest and config', async () => {
    putIndexes(putImage('a'));
    const source = createLayoutImageSource(dir, blobs);
    const image = await source.resolve('x', AMD64, signal);
    const [layer] = image.layers;
    if (layer === undefined) expect.fail();
    const chunks: Uint8Array[] = [];
    for await (const chunk of await source.openLayer(image, layer, 0, signal)) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('layer a');
    expect(blobs.sizeOf(image.manifestDigest)).toBeGreaterThan(0);
    expect(blobs.sizeOf(image.configDigest)).toBeGreaterThan(0);
  });

  test.each([
    ['no marker', () => rmSync(join(dir, 'oci-layout')), 'it has no file "oci-layout"'],
    [
      'a later version',
      () => writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"2.0"}'),
      'its version is "2.0", and only 1 is known',
    ],
    ['no index', () => rmSync(join(dir, 'index.json')), 'it has no file "index.json"'],
    ['no blobs', () => rmSync(join(dir, 'blobs'), { recursive: true }), 'it has no blob sha256:'],
  ])('refuses a directory with %s', async (_, damage, message) => {
    putIndexes(putImage('a'));
    damage();
    await expect(resolve('x')).rejects.toThrow(message);
  });

  test('refuses a manifest that was changed', async () => {
    const a = putImage('a');
    putIndexes(a);
    writeFileSync(join(dir, 'blobs/sha256', hexOf(a.digest)), '{"schemaVersion":2}');
    await expect(resolve('x')).rejects.toThrow('its digest is');
    await expect(resolve(a.digest)).rejects.toThrow('its digest is');
  });
});
