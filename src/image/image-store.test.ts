import { setMaxListeners } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hexOf, parseDiffId, type Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { openImageStore, type ImageStore } from './image-store.ts';
import { MEDIA_TYPE } from './manifest.ts';
import type { StoredImage } from './stored-image.ts';

const { signal } = new AbortController();
setMaxListeners(0, signal);
let root: string;
let images: ImageStore;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'image-store-'));
  mkdirSync(join(root, 'locks'));
  images = openImageStore(root);
});
afterEach(() => rmSync(root, { recursive: true }));

function image(seed: string, storedAt = '2024-01-01T00:00:00Z'): StoredImage {
  const digest = digestOf(`layer ${seed}`);
  const diffId = parseDiffId(digest) ?? expect.fail();
  const layers = [{ diffId, size: 10, snapshot: 's1', blob: undefined }];
  return { id: digestOf(seed), layers, manifestDigest: undefined, storedAt };
}

const short = (id: Digest, length = 12): string => hexOf(id).slice(0, length);

describe('ImageStore', () => {
  test('finds an image by every form of its name and id', async () => {
    const a = image('a');
    await images.put(a, ['app', 'localhost:5000/x/app:v1'], signal);
    const references = ['docker.io/library/app:latest', 'localhost:5000/x/app:v1'];
    const texts = ['app', 'app:latest', 'docker.io/app', 'library/app', 'localhost:5000/x/app:v1'];
    for (const text of [...texts, a.id, hexOf(a.id), short(a.id), short(a.id, 1)]) {
      expect(images.find(text)).toEqual({ image: a, references });
    }
    expect(images.lookup('app')).toEqual(a);
    expect(images.lookup('app:v2')).toBeUndefined();
  });

  test('keeps a name with a digest without the tag that stands beside it', async () => {
    const a = image('a');
    const digest = digestOf('manifest of a');
    await images.put(a, [`app:1@${digest}`], signal);
    expect(images.find(`app@${digest}`).references).toEqual([`docker.io/library/app@${digest}`]);
    expect(images.lookup(`app:2@${digest}`)).toEqual(a);
    expect(images.lookup('app:1')).toBeUndefined();
    const { untagged } = await images.remove(`app:1@${digest}`, { force: false }, signal);
    expect(untagged).toEqual([`docker.io/library/app@${digest}`]);
  });

  test('is the same when another process opens it', async () => {
    await images.put(image('a'), ['app'], signal);
    expect(openImageStore(root).list()).toEqual(images.list());
  });

  test('moves a name to the newer image and keeps the older one without a name', async () => {
    await images.put(image('a', '2024-01-01T00:00:00Z'), ['app'], signal);
    await images.put(image('b', '2024-01-02T00:00:00Z'), ['app'], signal);
    expect(images.list().map(({ image: { id }, references }) => [id, references])).toEqual([
      [digestOf('b'), ['docker.io/library/app:latest']],
      [digestOf('a'), []],
    ]);
  });

  test('keeps what it knew of layers when the same image is put again', async () => {
    const a = image('a');
    const blob = { mediaType: MEDIA_TYPE.ociLayerGzip, digest: digestOf('z'), size: 4 };
    const withBlob = a.layers.map((layer) => ({ ...layer, snapshot: undefined, blob }));
    await images.put(a, [], signal);
    await images.put({ ...a, layers: withBlob, manifestDigest: digestOf('m') }, [], signal);
    await images.put(a, [], signal);
    expect(images.lookup(a.id)).toEqual({
      ...a,
      manifestDigest: digestOf('m'),
      layers: [{ ...a.layers[0], blob }],
    });
  });

  test('writes nothing when an image is put again within the hour, and its time when it is later', async () => {
    const inode = (): number => statSync(join(root, 'images.json')).ino;
    await images.put(image('a', '2024-01-01T00:00:00Z'), ['app'], signal);
    const first = inode();
    await images.put(image('a', '2024-01-01T00:59:59Z'), ['app'], signal);
    expect(inode()).toBe(first);
    await images.put(image('a', '2024-01-01T00:59:59Z'), ['other'], signal);
    expect(inode()).not.toBe(first);
    expect(images.find('other').image.storedAt).toBe('2024-01-01T00:00:00Z');
    await images.put(image('a', '2024-01-01T01:00:00Z'), ['app'], signal);
    expect(images.find('app').image.storedAt).toBe('2024-01-01T01:00:00Z');
  });

  test('says which name was meant', async () => {
    await images.put(image('a'), ['backend'], signal);
    expect(() => images.find('bakcend')).toThrow(
      expect.objectContaining({
        code: 'IMAGE_NOT_FOUND',
        message: 'Cannot find image "bakcend": there is no such image in the local store',
        hint: 'Did you mean "backend"?',
      }),
    );
  });

  test('asks for more digits when an id is short for several', async () => {
    const seeds = Array.from({ length: 3000 }, (_, index) => `seed ${String(index)}`);
    const byStart = new Map<string, string>();
    const pair = seeds.find((seed) => {
      const start = short(digestOf(seed), 4);
      const isSecond = byStart.has(start);
      if (!isSecond) byStart.set(start, seed);
      return isSecond;
    });
    if (pair === undefined) expect.fail('no two ids begin alike');
    const start = short(digestOf(pair), 4);
    await images.put(image(pair), [], signal);
    await images.put(image(byStart.get(start) ?? ''), [], signal);
    expect(() => images.find(start)).toThrow(`Cannot tell which image "${start}" is: 2 images`);
  });

  test('removes a name, and the image with its last name', async () => {
    const a = image('a');
    await images.put(a, ['one', 'two'], signal);
    expect(await images.remove('one', { force: false }, signal)).toEqual({
      untagged: ['docker.io/library/one:latest'],
      removed: undefined,
    });
    expect(await images.remove('two', { force: false }, signal)).toEqual({
      untagged: ['docker.io/library/two:latest'],
      removed: a.id,
    });
    expect(images.list()).toEqual([]);
  });

  test('removes an image with several names by id only when forced', async () => {
    const a = image('a');
    await images.put(a, ['one', 'two'], signal);
    await expect(images.remove(short(a.id), { force: false }, signal)).rejects.toThrow(
      `Cannot remove image ${short(a.id)}: it has 2 names: one:latest, two:latest`,
    );
    const { untagged, removed } = await images.remove(short(a.id), { force: true }, signal);
    expect(untagged).toHaveLength(2);
    expect(removed).toBe(a.id);
  });

  test('tags by id and takes a tag away', async () => {
    const a = image('a');
    await images.put(a, [], signal);
    await images.tag(short(a.id), 'app:v1', signal);
    expect(images.find(a.id).references).toEqual(['docker.io/library/app:v1']);
    await images.untag('app:v1', signal);
    expect(images.find(a.id).references).toEqual([]);
    await expect(images.untag('app:v1', signal)).rejects.toThrow('Cannot find image "app:v1"');
  });

  test('loses nothing when many change it at the same time', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `app${String(index)}`);
    await Promise.all(names.map((name) => openImageStore(root).put(image(name), [name], signal)));
    expect(images.list()).toHaveLength(20);
    for (const name of names) expect(images.lookup(name)?.id).toBe(digestOf(name));
  });

  test('writes nothing when a name is bad', async () => {
    await expect(images.put(image('a'), ['ok', 'x/NotOk'], signal)).rejects.toThrow(
      'Cannot use "x/NotOk" as an image name',
    );
    expect(images.list()).toEqual([]);
  });

  test('does not go on with a damaged list', async () => {
    await images.put(image('a'), ['app'], signal);
    const path = join(root, 'images.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('sha256', 'sha255'));
    expect(() => images.list()).toThrow('Cannot use the list of images at');
    await expect(images.put(image('b'), [], signal)).rejects.toThrow('Cannot use the list');
  });
});
