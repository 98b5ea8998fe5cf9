import { createReadStream, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hexOf } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { tarArchive, type ArchiveMember } from '../layer/tar-archive.ts';
import { loadImages, type LoadedImage } from './load-image.ts';
import { openStore, type Store } from './open-store.ts';
import { saveImages } from './save-image.ts';

const SIGNAL = new AbortController().signal;
const OPTIONS = {
  what: 'the archive',
  host: { os: 'linux', architecture: 'amd64' },
  platform: undefined,
  now: () => 0,
};

let dir: string;
let store: Store;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-load-'));
  store = openStore(join(dir, 'store'), process.getuid?.() ?? 0);
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const file = (name: string, bytes: string | Uint8Array): ArchiveMember => ({
  type: 'file',
  name,
  bytes: Buffer.from(bytes),
});

async function bytesOf(members: readonly ArchiveMember[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of tarArchive(members, SIGNAL)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function load(members: readonly ArchiveMember[]): Promise<LoadedImage[]> {
  return loadImages(tarArchive(members, SIGNAL), store, OPTIONS, SIGNAL);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof BuildError) return error.code;
    throw error;
  }
  return 'accepted';
}

interface Parts {
  readonly diffId?: string;
  readonly configName?: string;
  readonly tags?: readonly string[];
  readonly layerName?: string;
}

/** An archive as `docker save` wrote them before it wrote layouts. */
async function dockerArchive(parts: Parts = {}): Promise<ArchiveMember[]> {
  const layer = await bytesOf([file('hello', 'hello')]);
  const diffId = parts.diffId ?? digestOf(layer);
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [diffId] },
  });
  const configName = parts.configName ?? `${hexOf(digestOf(Buffer.from(config)))}.json`;
  const layerName = parts.layerName ?? 'abc/layer.tar';
  const tags = parts.tags ?? ['app:1'];
  const manifest = [{ Config: configName, RepoTags: tags, Layers: [layerName] }];
  return [
    file(layerName, layer),
    file(configName, config),
    file('manifest.json', JSON.stringify(manifest)),
  ];
}

describe('loadImages()', () => {
  test('gives the image its names and its files', async () => {
    const [image] = await load(await dockerArchive({ tags: ['app:1', 'ghcr.io/a/b:2'] }));
    expect(image?.references).toEqual(['docker.io/library/app:1', 'ghcr.io/a/b:2']);
    const { image: stored } = store.images.find('app:1');
    expect(stored.id).toBe(image?.id);
    expect(stored.layers).toHaveLength(1);
  });

  test('names that climb out are looked up and never written to', async () => {
    await load(await dockerArchive({ layerName: '../../evil/layer.tar' }));
    expect(readdirSync(dir)).toEqual(['store']);
    expect(store.images.list()).toHaveLength(1);
  });

  test.each<[string, Parts, string]>([
    [
      'a config that is not what its name says',
      { configName: `${'0'.repeat(64)}.json` },
      'INVALID_IMAGE',
    ],
    [
      'a layer that is not what the config says',
      { diffId: digestOf(Buffer.alloc(1)) },
      'DIFF_ID_MISMATCH',
    ],
    [
      'a blob under the name of another',
      { layerName: `blobs/sha256/${'0'.repeat(64)}` },
      'INVALID_IMAGE',
    ],
    ['a name that no image can have', { tags: ['../x'] }, 'INVALID_REFERENCE'],
    [
      'a digest that it gives to another image',
      { tags: [`busybox@sha256:${'7'.repeat(64)}`] },
      'INVALID_REFERENCE',
    ],
  ])('refuses %s, and keeps no image', async (_, parts, code) => {
    expect(await codeOf(load(await dockerArchive(parts)))).toBe(code);
    expect(store.images.list()).toEqual([]);
  });

  test.each<[string, (members: readonly ArchiveMember[]) => readonly ArchiveMember[]]>([
    ['without its layer', (members) => members.slice(1)],
    ['without a list of images', (members) => members.slice(0, 2)],
    ['with a file twice', (members) => [...members, ...members.slice(0, 1)]],
    ['with an empty list', (members) => [...members.slice(0, 2), file('manifest.json', '[]')]],
    ['with a list that is none', (members) => [...members.slice(0, 2), file('manifest.json', '{')]],
  ])('refuses an archive %s', async (_, change) => {
    expect(await codeOf(load(change(await dockerArchive())))).toBe('INVALID_IMAGE');
  });

  test.each(['docker', 'oci'] as const)('reads back what is saved as %s', async (format) => {
    const [first] = await load(await dockerArchive());
    await store.images.tag('app:1', 'other:2', SIGNAL);
    const dest = join(dir, 'saved.tar');
    const { host } = OPTIONS;
    const stdout = new PassThrough();
    const save = { format, platform: undefined, host, dest, cwd: dir, stdout };
    await saveImages(['app:1', 'other:2'], store, save, SIGNAL);
    await store.images.remove(first?.id ?? '', { force: true }, SIGNAL);
    const loaded = await loadImages(createReadStream(dest), store, OPTIONS, SIGNAL);
    expect(new Set(loaded.map(({ id }) => id))).toEqual(new Set([first?.id]));
    expect(loaded.flatMap(({ references }) => references)).toEqual([
      'docker.io/library/app:1',
      'docker.io/library/other:2',
    ]);
  });

  test('an image for another platform than the one that is asked for is neither read nor written', async () => {
    const arm = { os: 'linux', architecture: 'arm64' };
    const members = await dockerArchive();
    const wrong = loadImages(
      tarArchive(members, SIGNAL),
      store,
      { ...OPTIONS, platform: arm },
      SIGNAL,
    );
    const found = {
      code: 'PLATFORM_NOT_FOUND',
      hint: 'Ask for one of them, e.g. --platform linux/amd64.',
    };
    await expect(wrong).rejects.toMatchObject(found);
    expect(store.images.list()).toEqual([]);
    await load(members);
    const dest = join(dir, 'saved.tar');
    const { host } = OPTIONS;
    const save = {
      format: 'oci',
      platform: arm,
      host,
      dest,
      cwd: dir,
      stdout: new PassThrough(),
    } as const;
    await expect(saveImages(['app:1'], store, save, SIGNAL)).rejects.toMatchObject(found);
    expect(readdirSync(dir)).toEqual(['store']);
  });

  test('a layout gives a digest to the image that it is of, and to no other', async () => {
    const layer = await bytesOf([file('hello', 'hello')]);
    const rootfs = { type: 'layers', diff_ids: [digestOf(layer)] };
    const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs }));
    const described = (mediaType: string, bytes: Buffer) => ({
      ...{ mediaType: `application/vnd.oci.image.${mediaType}`, digest: digestOf(bytes) },
      size: bytes.length,
    });
    const image = {
      schemaVersion: 2,
      config: described('config.v1+json', config),
      layers: [described('layer.v1.tar', layer)],
    };
    const manifest = Buffer.from(JSON.stringify(image));
    const archive = (name: string): ArchiveMember[] => {
      const annotations = { 'io.containerd.image.name': name };
      const manifests = [{ ...described('manifest.v1+json', manifest), annotations }];
      return [
        file('index.json', JSON.stringify({ schemaVersion: 2, manifests })),
        ...[layer, config, manifest].map((bytes) =>
          file(`blobs/sha256/${hexOf(digestOf(bytes))}`, bytes),
        ),
      ];
    };
    const other = `docker.io/library/busybox@sha256:${'7'.repeat(64)}`;
    await expect(load(archive(other))).rejects.toMatchObject({
      code: 'INVALID_IMAGE',
      message: `Cannot read the archive: it has ${digestOf(manifest)} under the name "${other}"`,
    });
    const own = `docker.io/library/busybox@${digestOf(manifest)}`;
    expect(await load(archive(own))).toMatchObject([{ references: [own] }]);
  });
});
