import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hexOf, parseDiffId, type Digest } from '../core/digest.ts';
import { parsePlatform, type Platform } from '../core/platform.ts';
import { digestOf } from '../core/sha256.ts';
import { openImageStore, type ImageStore } from './image-store.ts';
import type { StoredImage } from './stored-image.ts';
import { indexedImage, indexIdOf, type StoredIndex } from './stored-index.ts';

const { signal } = new AbortController();
const AMD64 = platform('linux/amd64');
const ARM64 = platform('linux/arm64');
const amd = image('amd');
const arm = image('arm');
const INDEX = indexOf([
  { id: amd.id, platform: AMD64 },
  { id: arm.id, platform: ARM64 },
]);
const FULL = 'docker.io/library/app:latest';
let root: string;
let images: ImageStore;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'image-store-'));
  mkdirSync(join(root, 'locks'));
  images = openImageStore(root);
  await images.put(amd, [], signal);
  await images.put(arm, [], signal);
});
afterEach(() => rmSync(root, { recursive: true }));

function platform(text: string): Platform {
  return parsePlatform(text, { os: 'linux', architecture: 'amd64' }) ?? expect.fail();
}

function image(seed: string): StoredImage {
  const diffId = parseDiffId(digestOf(`layer ${seed}`)) ?? expect.fail();
  const layers = [{ diffId, size: 10, snapshot: 's1', blob: undefined }];
  const storedAt = '2024-01-01T00:00:00Z';
  return { id: digestOf(seed), layers, manifestDigest: undefined, storedAt };
}

function indexOf(
  parts: readonly { readonly id: Digest; readonly platform: Platform }[],
): StoredIndex {
  const listed = parts.map(indexedImage);
  const storedAt = '2024-01-02T00:00:00Z';
  return { id: indexIdOf(listed), images: listed, manifestDigest: undefined, storedAt };
}

const short = (id: Digest): string => hexOf(id).slice(0, 12);

describe('an index in the image store', () => {
  test('gives the image of the platform under its name, its id and the start of its id', async () => {
    await images.putIndex(INDEX, ['app'], signal);
    for (const text of ['app', INDEX.id, short(INDEX.id)]) {
      expect(images.find(text, ARM64)).toEqual({ image: arm, references: [FULL] });
      expect(images.find(text)).toEqual({ image: amd, references: [FULL] });
    }
    expect(images.lookup('app', AMD64)).toEqual(amd);
    expect(images.lookup('app', platform('linux/s390x'))).toBeUndefined();
    expect(images.findEntry('app')).toEqual({
      index: INDEX,
      images: [amd, arm],
      references: [FULL],
    });
    // Another process reads the same.
    expect(openImageStore(root).listIndexes()).toEqual(images.listIndexes());
  });

  test('says which platforms it has when none fits', async () => {
    await images.putIndex(INDEX, ['app'], signal);
    expect(() => images.find('app', platform('linux/s390x'))).toThrow(
      'Cannot use "app" for platform linux/s390x: it has linux/amd64, linux/arm64',
    );
  });

  test('goes with its last name, and its nameless images with it', async () => {
    await images.putIndex(INDEX, ['app'], signal);
    await images.tag('app', 'app:2', signal);
    await images.tag(arm.id, 'own', signal);
    expect(await images.remove('app', { force: false }, signal)).toEqual({
      untagged: [FULL],
      removed: undefined,
    });
    expect((await images.remove('app:2', { force: false }, signal)).removed).toBe(INDEX.id);
    expect(images.listIndexes()).toEqual([]);
    expect(images.list().map((each) => each.image.id)).toEqual([arm.id]);
  });

  test('keeps an image that another index lists', async () => {
    const other = indexOf([{ id: arm.id, platform: ARM64 }]);
    await images.putIndex(INDEX, ['app'], signal);
    await images.putIndex(other, ['other'], signal);
    await images.remove('app', { force: false }, signal);
    expect(images.find('other', ARM64).image).toEqual(arm);
  });

  test('does not let its images go', async () => {
    await images.putIndex(INDEX, ['app'], signal);
    await expect(images.remove(arm.id, { force: true }, signal)).rejects.toThrow(
      `Cannot remove image ${short(arm.id)}: it is the image for linux/arm64 of "app:latest"`,
    );
    await images.tag(arm.id, 'own', signal);
    expect(await images.remove('own', { force: false }, signal)).toEqual({
      untagged: ['docker.io/library/own:latest'],
      removed: undefined,
    });
    expect(images.find('app', ARM64).image).toEqual(arm);
  });

  test('takes no image that is not there', async () => {
    const missing = indexOf([{ id: digestOf('gone'), platform: AMD64 }]);
    await expect(images.putIndex(missing, ['app'], signal)).rejects.toThrow('Cannot find image');
    expect(images.listIndexes()).toEqual([]);
  });

  test('loses its name to what is put under it later', async () => {
    await images.putIndex(INDEX, ['app'], signal);
    await images.put(image('new'), ['app'], signal);
    expect(images.find('app').image.id).toBe(digestOf('new'));
    expect(images.listIndexes()[0]?.references).toEqual([]);
  });

  test('leaves no trace in the file of a store that has none', () => {
    expect(readFileSync(join(root, 'images.json'), 'utf8')).not.toContain('indexes');
  });
});
