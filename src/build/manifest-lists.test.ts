import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { manifestNotListed } from './errors.ts';
import { openManifestLists, type ManifestList } from './manifest-lists.ts';

const LIST: ManifestList = {
  name: 'localhost:5000/app:1',
  images: [
    {
      source: 'localhost:5000/app:1-arm64',
      descriptor: {
        mediaType: MEDIA_TYPE.ociManifest,
        digest: digestOf('manifest'),
        size: 10,
        platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      },
    },
  ],
};
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lists-'));
});
afterEach(() => rmSync(root, { recursive: true }));

describe('manifest lists', () => {
  test('are kept until they are removed', () => {
    openManifestLists(root).put(LIST, false);
    const lists = openManifestLists(root);
    expect(lists.get('localhost:5000/app:1')).toEqual(LIST);
    lists.remove('localhost:5000/app:1');
    expect(lists.find('localhost:5000/app:1')).toBeUndefined();
    expect(existsSync(join(root, 'manifests'))).toBe(false);
  });

  test('are not begun twice', () => {
    const lists = openManifestLists(root);
    lists.put(LIST, false);
    expect(() => lists.put({ ...LIST, images: [] }, false)).toThrow(
      'Cannot create manifest list "localhost:5000/app:1": there is one already',
    );
    lists.put({ ...LIST, images: [] }, true);
    expect(lists.get(LIST.name).images).toEqual([]);
  });

  test('that were not begun are not found', () => {
    const text = 'Cannot find manifest list "app": none of that name was begun here';
    expect(() => openManifestLists(root).get('app')).toThrow(text);
    expect(() => openManifestLists(root).remove('app')).toThrow(text);
  });

  test('that somebody else wrote to are refused', () => {
    const lists = openManifestLists(root);
    lists.put(LIST, false);
    const [file = ''] = readdirSync(join(root, 'manifests'));
    writeFileSync(join(root, 'manifests', file), '{"images":[{"source":"x"}]}');
    expect(() => lists.get(LIST.name)).toThrow('Cannot read the manifest list');
  });
});

describe('manifestNotListed()', () => {
  test('says what the list has', () => {
    expect(manifestNotListed('b', 'app:1', ['a', 'c']).message).toBe(
      'Cannot annotate "b" in manifest list "app:1": the list has a, c',
    );
  });
});
