import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeRecord, type ContainerRecord } from '../containers/container-record.ts';
import { tarArchive } from '../layer/tar-archive.ts';
import { configOfChanges } from './config-changes.ts';
import { describeImage, readImageConfig } from './describe-image.ts';
import { importImage, type ImportOptions } from './import-image.ts';
import { openStore, type Store } from './open-store.ts';
import { removeImage } from './remove-image.ts';

const { signal } = new AbortController();
const LINUX = { os: 'linux', architecture: 'amd64' };
const OPTIONS: ImportOptions = {
  name: 'app:1',
  source: 'root.tar',
  platform: LINUX,
  changes: [],
  message: undefined,
  now: Date.parse('2024-05-01T00:00:00Z'),
};

let dir: string;
let store: Store;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-import-'));
  store = openStore(join(dir, 'store'), process.getuid?.() ?? 0);
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

async function archive(text = 'hello'): Promise<Buffer> {
  const members = [{ type: 'file', name: 'hello', bytes: Buffer.from(text) }] as const;
  const chunks: Uint8Array[] = [];
  for await (const chunk of tarArchive(members, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function importBytes(bytes: Buffer, options: Partial<ImportOptions> = {}): Promise<string> {
  const stream = (async function* () {
    yield await Promise.resolve(bytes);
  })();
  return importImage(stream, { ...OPTIONS, ...options }, store, signal);
}

describe('importImage()', () => {
  test.each([
    ['plain', (bytes: Buffer) => bytes],
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
  ])('makes an image of one layer of a tar: %s', async (_, pack) => {
    const changes = ['CMD ["/hello"]', 'ENV A=1 B=2', 'env C=3', 'LABEL tier=web', 'USER me'];
    const id = await importBytes(pack(await archive()), { changes });
    const image = store.images.find('app:1');
    expect(describeImage(image, readImageConfig(image, store), ({ size }) => size)).toMatchObject({
      Id: id,
      RepoTags: ['app:1'],
      Comment: 'Imported from root.tar',
      Created: '2024-05-01T00:00:00Z',
      Config: {
        Cmd: ['/hello'],
        Env: expect.arrayContaining(['A=1', 'B=2', 'C=3']) as unknown,
        Labels: { tier: 'web' },
        User: 'me',
      },
      Os: 'linux',
    });
    expect(image.image.layers).toHaveLength(1);
  });

  test('gives the comment that was asked for, and no name where none was', async () => {
    const id = await importBytes(await archive(), { name: undefined, message: 'from a friend' });
    const image = store.images.find(id);
    expect(image.references).toEqual([]);
    expect(readImageConfig(image, store).history).toMatchObject([{ comment: 'from a friend' }]);
  });

  test('leaves nothing of what is no archive', async () => {
    await expect(importBytes(Buffer.alloc(2000, 'x'))).rejects.toMatchObject({
      code: 'TAR_INVALID',
    });
    expect(store.images.list()).toEqual([]);
  });
});

describe('configOfChanges()', () => {
  test.each([
    [[], {}],
    [['CMD a b'], { Cmd: ['/bin/sh', '-c', 'a b'] }],
    [['ENV A=1', 'WORKDIR /w', 'WORKDIR x'], { Env: ['A=1'], WorkingDir: '/w/x' }],
    [['ENV PATH=/bin', 'EXPOSE 80'], { Env: ['PATH=/bin'], ExposedPorts: { '80/tcp': {} } }],
  ])('%j gives %j and nothing else', (changes, config) => {
    expect(configOfChanges(changes, LINUX, '')).toEqual(config);
  });

  test.each([
    ['RUN true', 'only CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL', 'Did you mean ENV?'],
    ['CMDD x', 'only CMD, ENTRYPOINT', 'Did you mean CMD?'],
    ['CMD x\nRUN y', 'it has more than one line', undefined],
    ['EXPOSE http', 'invalid', undefined],
    ['', 'only CMD', undefined],
  ])('refuses %j', (change, found, hint) => {
    expect(() => configOfChanges(['ENV A=1', change], LINUX, '')).toThrow(
      expect.objectContaining({
        code: 'CHANGE_INVALID',
        class: 'usage',
        message: expect.stringContaining('Cannot apply the change ') as unknown,
      }) as Error,
    );
    expect(() => configOfChanges([change], LINUX, '')).toThrow(found);
    if (hint !== undefined && change.startsWith('CMDD')) {
      expect(() => configOfChanges([change], LINUX, '')).toThrow(
        expect.objectContaining({ hint }) as Error,
      );
    }
  });
});

describe('removeImage()', () => {
  function container(imageId: string): ContainerRecord {
    const id = 'c'.repeat(64);
    const state = { kind: 'exited', status: 0, finishedAt: '' } as const;
    const record = { id, name: 'web', image: 'app:1', imageId, command: [], ports: [], state };
    writeRecord(store.root, { ...record, createdAt: '' });
    return { ...record, createdAt: '' };
  }

  test('keeps the last name of an image that a container was made of', async () => {
    container(await importBytes(await archive()));
    await expect(removeImage('app:1', { force: false }, store, signal)).rejects.toMatchObject({
      code: 'IMAGE_IN_USE',
      class: 'host',
      message: 'Cannot remove image "app:1": container "web" (cccccccccccc) was made of it',
      hint: 'Remove the container with "stagecraft rm web", or give --force',
    });
  });

  test('takes a further name away', async () => {
    const id = await importBytes(await archive());
    container(id);
    await store.images.tag('app:1', 'app:2', signal);
    expect(await removeImage('app:2', { force: false }, store, signal)).toEqual({
      untagged: ['docker.io/library/app:2'],
      removed: undefined,
    });
  });

  test('with force takes the last name and leaves the image, and by its id takes the image', async () => {
    const id = await importBytes(await archive());
    container(id);
    await removeImage('app:1', { force: true }, store, signal);
    expect(store.images.find(id).references).toEqual([]);
    await expect(removeImage(id, { force: false }, store, signal)).rejects.toMatchObject({
      code: 'IMAGE_IN_USE',
    });
    expect((await removeImage(id, { force: true }, store, signal)).removed).toBe(id);
  });

  test('never takes the image of a container that runs by its id', async () => {
    const id = await importBytes(await archive());
    const record = container(id);
    const { processStart } = await import('../containers/container-record.ts');
    const pidStart = processStart(process.pid) ?? expect.fail();
    const state = { kind: 'running', pid: process.pid, pidStart, startedAt: '' } as const;
    writeRecord(store.root, { ...record, state });
    await expect(removeImage(id, { force: true }, store, signal)).rejects.toMatchObject({
      message: `Cannot remove image "${id}": container "web" (cccccccccccc) runs it`,
      hint: 'Stop the container with "stagecraft stop web"',
    });
  });
});
