import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import { blobStoreContract } from './blob-store.contract.ts';
import { openDiskBlobStore, type DiskBlobStore } from './disk-blob-store.ts';

function openInTemporaryDir(): {
  readonly dir: string;
  readonly store: DiskBlobStore;
} & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'blobs-'));
  return {
    dir,
    store: openDiskBlobStore(dir),
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true });
    },
  };
}

blobStoreContract('openDiskBlobStore()', openInTemporaryDir);

describe('openDiskBlobStore()', () => {
  const { signal } = new AbortController();
  const bytes = Buffer.from('some bytes');
  const digest = digestOf(bytes);

  test('makes private files in the layout of an OCI image', () => {
    using opened = openInTemporaryDir();
    opened.store.writeBytes(bytes);
    const path = join(opened.dir, 'blobs', 'sha256', digest.slice(7));
    expect(opened.store.pathOf(digest)).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(opened.dir, 'blobs')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(opened.dir, 'tmp'))).toEqual([]);
  });

  test('notices damage when reading, and writing again repairs it', async () => {
    using opened = openInTemporaryDir();
    const { store } = opened;
    store.writeBytes(bytes);
    writeFileSync(store.pathOf(digest), 'same bytes');
    expect(() => store.readBytes(digest, 100)).toThrow(
      expect.objectContaining({ code: 'BLOB_CORRUPT' }),
    );
    await expect(buffer(store.openRead(digest, signal))).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
    });
    store.writeBytes(bytes);
    expect(store.readBytes(digest, 100)).toEqual(bytes);
    truncateSync(store.pathOf(digest), 0);
    await expect(buffer(store.openRead(digest, signal))).rejects.toMatchObject({
      code: 'BLOB_CORRUPT',
    });
  });

  test('lists and removes blobs, and nothing else', () => {
    using opened = openInTemporaryDir();
    const { store } = opened;
    store.writeBytes(bytes);
    writeFileSync(join(opened.dir, 'blobs', 'sha256', 'notes.txt'), 'x');
    expect([...store.list()]).toEqual([{ digest, size: bytes.length }]);
    expect(store.removeAll([digest], () => new Set([digest]))).toEqual([]);
    expect(store.removeAll([digest], () => new Set())).toEqual([digest]);
    expect(store.removeAll([digest], () => new Set())).toEqual([]);
    expect([...store.list()]).toEqual([]);
  });

  test('a killed writer leaves nothing to see, and the next opening removes the rest', async () => {
    using opened = openInTemporaryDir();
    const child = startWriter(opened.dir, 'hang');
    const [written] = (await once(child, 'message')) as [string];
    expect(written).toBe('half');
    const temporaryDir = join(opened.dir, 'tmp');
    expect(readdirSync(temporaryDir)).toHaveLength(1);

    // While the writer lives its file is left alone.
    openDiskBlobStore(opened.dir);
    expect(readdirSync(temporaryDir)).toHaveLength(1);

    child.kill('SIGKILL');
    await once(child, 'exit');
    expect([...opened.store.list()]).toEqual([]);
    openDiskBlobStore(opened.dir);
    expect(readdirSync(temporaryDir)).toEqual([]);
  });

  test('two processes may write the same blobs at once', async () => {
    using opened = openInTemporaryDir();
    const children = [startWriter(opened.dir, 'many'), startWriter(opened.dir, 'many')];
    const codes = await Promise.all(children.map((child) => once(child, 'exit')));
    expect(codes.map(([code]) => code as number)).toEqual([0, 0]);
    expect([...opened.store.list()]).toHaveLength(50);
    for (const blob of opened.store.list()) opened.store.readBytes(blob.digest, 1e6);
    expect(readdirSync(join(opened.dir, 'tmp'))).toEqual([]);
  });
});

function startWriter(dir: string, mode: 'hang' | 'many'): ReturnType<typeof fork> {
  const script = new URL('../testing/blob-writer.ts', import.meta.url);
  return fork(script, [dir, mode], { execArgv: ['--import', 'tsx'], stdio: 'inherit' });
}
