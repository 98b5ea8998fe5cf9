import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hashKeyParts } from '../cache/cache-key.ts';
import { hexOf, type Digest, type DiffId } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import type { PushBlob } from '../registry/upload.ts';
import { serializeCacheDocument, type CacheDocument } from './cache-document.ts';
import { openLocalPlace, writeLocalCache } from './local-place.ts';
import { readCache } from './read-cache.ts';

const never = new AbortController().signal;
const none: ReadonlySet<Digest> = new Set();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'local-place-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function blobOf(text: string): PushBlob {
  const bytes = Buffer.from(text);
  return {
    descriptor: {
      mediaType: MEDIA_TYPE.ociLayerGzip,
      digest: digestOf(bytes),
      size: bytes.length,
    },
    async *open() {
      yield await Promise.resolve(bytes);
    },
  };
}

function documentOf(blob: PushBlob): CacheDocument {
  const diffId = digestOf('plain') as string as DiffId;
  const key = hashKeyParts({ of: blob.descriptor.digest });
  return {
    layers: [{ diffId, blob: blob.descriptor, parent: undefined, isBase: false }],
    results: [
      {
        key,
        contentKey: undefined,
        resultKey: key,
        layer: 0,
        createdAt: '2024-05-06T07:08:09.123Z',
        durationMs: 5,
        bytes: 9,
      },
    ],
    mounts: [{ id: 'npm', diffId, blob: blob.descriptor }],
  };
}

async function write(tag: string, blob: PushBlob, damaged = none): Promise<CacheDocument> {
  const document = documentOf(blob);
  const bytes = serializeCacheDocument(document);
  await writeLocalCache({ directory, tag }, bytes, [blob], damaged, never);
  return document;
}

function pathOf(blob: PushBlob): string {
  return join(directory, 'blobs', 'sha256', hexOf(blob.descriptor.digest));
}

test('what is written under a tag is read under it', async () => {
  const document = await write('a', blobOf('one'));
  expect(await readCache(openLocalPlace({ directory, tag: 'a' }, undefined), never)).toEqual([
    document,
  ]);
  const missing = readCache(openLocalPlace({ directory, tag: 'b' }, undefined), never);
  await expect(missing).rejects.toMatchObject({
    code: 'CACHE_UNUSABLE',
    class: 'registry',
    message: `Cannot use the cache "${directory}": there is none`,
  });
});

test('a blob that no tag leads to any more is removed, and others stay', async () => {
  const [one, two, other] = [blobOf('one'), blobOf('two'), blobOf('other')];
  await write('a', one);
  await write('b', other);
  writeFileSync(join(directory, 'blobs', 'sha256', 'README'), 'not ours');
  await write('a', two);
  const names = readdirSync(join(directory, 'blobs', 'sha256'));
  expect(names).not.toContain(hexOf(one.descriptor.digest));
  expect(names).toContain(hexOf(other.descriptor.digest));
  // Two tags: a layer, a document and a manifest each.
  expect(names).toHaveLength(7);
});

test('nothing is removed when a manifest of another tag cannot be read', async () => {
  const one = blobOf('one');
  await write('a', one);
  const index = JSON.parse(readFileSync(join(directory, 'index.json'), 'utf8')) as {
    manifests: object[];
  };
  index.manifests.push({ mediaType: MEDIA_TYPE.ociManifest, digest: digestOf('gone'), size: 4 });
  writeFileSync(join(directory, 'index.json'), JSON.stringify(index));
  await write('a', blobOf('two'));
  expect(readFileSync(pathOf(one), 'utf8')).toBe('one');
});

test('a damaged blob is written again, a good one is not', async () => {
  const blob = blobOf('one');
  await write('a', blob);
  writeFileSync(pathOf(blob), 'eno');
  await write('a', blob);
  expect(readFileSync(pathOf(blob), 'utf8')).toBe('eno');
  await write('a', blob, new Set([blob.descriptor.digest]));
  expect(readFileSync(pathOf(blob), 'utf8')).toBe('one');
});

test('a directory with other things is not touched', async () => {
  writeFileSync(join(directory, 'thesis.txt'), 'mine');
  await expect(write('a', blobOf('one'))).rejects.toMatchObject({
    message: `Cannot use the cache "${directory}": the directory is not empty and holds no cache`,
  });
  expect(readdirSync(directory)).toEqual(['thesis.txt']);
});

test.each<[string, (document: Record<string, unknown>) => void]>([
  ['another version', (document) => (document['version'] = 2)],
  ['a layer on top of a later one', (document) => (document['layers'] = [layer(1), layer(0)])],
  ['a layer on top of itself', (document) => (document['layers'] = [layer(0)])],
  ['a result without its layer', (document) => (document['layers'] = [])],
  ['a key that is a path', (document) => (document['results'] = [result('../../etc/passwd')])],
])('a document with %s is refused', async (_what, change) => {
  const document = JSON.parse(
    serializeCacheDocument(documentOf(blobOf('one'))).toString('utf8'),
  ) as Record<string, unknown>;
  change(document);
  const bytes = Buffer.from(JSON.stringify(document));
  await writeLocalCache({ directory, tag: 'a' }, bytes, [], none, never);
  const read = readCache(openLocalPlace({ directory, tag: 'a' }, undefined), never);
  await expect(read).rejects.toMatchObject({ code: 'INVALID_IMAGE' });
});

function layer(parent: number): object {
  const blob = { mediaType: MEDIA_TYPE.ociLayerGzip, digest: digestOf('x'), size: 1 };
  return { diffId: digestOf('y'), blob, parent };
}

function result(key: string): object {
  const createdAt = '2024-05-06T07:08:09Z';
  return { key, resultKey: key, createdAt, durationMs: 0, bytes: 0 };
}
