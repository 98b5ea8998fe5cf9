import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import type { BlobStore } from './blob-store.ts';

/** The promises of BlobStore, as tests. Run by every implementation with its own factory. */
export function blobStoreContract(
  name: string,
  open: () => { readonly store: BlobStore } & Disposable,
): void {
  describe(`${name} is a BlobStore`, () => {
    const { signal } = new AbortController();
    const bytes = Buffer.from('some bytes');
    const digest = digestOf(bytes);

    test('gives back what was written, by digest', async () => {
      using opened = open();
      const { store } = opened;
      expect(store.writeBytes(bytes)).toBe(digest);
      expect(store.sizeOf(digest)).toBe(bytes.length);
      expect(store.readBytes(digest, 100)).toEqual(bytes);
      expect(await buffer(store.openRead(digest, signal))).toEqual(bytes);
    });

    test('stores a stream without a promise under the digest that it turns out to have', async () => {
      using opened = open();
      const written = await opened.store.write(chunks('some ', 'bytes'), undefined, signal);
      expect(written).toEqual({ digest, size: bytes.length });
      expect(opened.store.readBytes(digest, 100)).toEqual(bytes);
    });

    test('takes the same blob twice', async () => {
      using opened = open();
      const { store } = opened;
      const expected = { digest, size: bytes.length };
      await Promise.all([
        store.write(chunks('some bytes'), expected, signal),
        store.write(chunks('some ', 'bytes'), expected, signal),
      ]);
      store.writeBytes(bytes);
      expect(store.readBytes(digest, 100)).toEqual(bytes);
    });

    test('stores an empty blob', async () => {
      using opened = open();
      const written = await opened.store.write(chunks(), undefined, signal);
      expect(await buffer(opened.store.openRead(written.digest, signal))).toHaveLength(0);
    });

    test.each<[string, string[], number, string]>([
      ['is one byte longer', ['some bytes', '!'], 10, 'BLOB_SIZE_MISMATCH'],
      ['is one byte shorter', ['some byte'], 10, 'BLOB_SIZE_MISMATCH'],
      ['has other bytes', ['some bites'], 10, 'BLOB_DIGEST_MISMATCH'],
    ])('keeps nothing of a stream that %s', async (_what, parts, size, code) => {
      using opened = open();
      await expect(
        opened.store.write(chunks(...parts), { digest, size }, signal),
      ).rejects.toMatchObject({ code });
      expect(opened.store.sizeOf(digest)).toBeUndefined();
    });

    test('stops reading one byte past the promised size', async () => {
      using opened = open();
      let taken = 0;
      // eslint-disable-next-line @typescript-eslint/require-await
      async function* endless(): AsyncGenerator<Uint8Array> {
        for (;;) {
          taken++;
          yield Buffer.alloc(16);
        }
      }
      await expect(
        opened.store.write(endless(), { digest, size: 40 }, signal),
      ).rejects.toMatchObject({ code: 'BLOB_SIZE_MISMATCH' });
      expect(taken).toBe(3);
    });

    test('passes on the error of the source and keeps nothing', async () => {
      using opened = open();
      // eslint-disable-next-line @typescript-eslint/require-await
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('some ');
        throw new Error('the line went dead');
      }
      await expect(opened.store.write(broken(), undefined, signal)).rejects.toThrow(
        'the line went dead',
      );
      expect(opened.store.sizeOf(digest)).toBeUndefined();
    });

    test('keeps nothing when aborted in the middle', async () => {
      using opened = open();
      const abort = new AbortController();
      // eslint-disable-next-line @typescript-eslint/require-await
      async function* source(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('some ');
        abort.abort(new Error('enough'));
        yield Buffer.from('bytes');
      }
      await expect(opened.store.write(source(), undefined, abort.signal)).rejects.toThrow('enough');
      expect(opened.store.sizeOf(digest)).toBeUndefined();
    });

    test('says so when a blob is not here or too large', () => {
      using opened = open();
      const { store } = opened;
      expect(store.sizeOf(digest)).toBeUndefined();
      expect(() => store.readBytes(digest, 100)).toThrow(
        expect.objectContaining({ code: 'BLOB_NOT_FOUND' }),
      );
      expect(() => store.openRead(digest, signal)).toThrow(
        expect.objectContaining({ code: 'BLOB_NOT_FOUND' }),
      );
      store.writeBytes(bytes);
      expect(() => store.readBytes(digest, 9)).toThrow(
        expect.objectContaining({ code: 'BLOB_TOO_LARGE' }),
      );
    });

    test('who follows a write gets all bytes, also after its end, and what they became', async () => {
      using opened = open();
      const parts = ['one', 'two', 'three'].map((text) => text.repeat(200_000));
      const followed: Promise<[Buffer, unknown]>[] = [];
      const written = await opened.store.write(chunks(...parts), undefined, signal, (growing) => {
        const both = Promise.all([buffer(growing.read()), growing.written]);
        followed.push(both);
      });
      expect(await Promise.all(followed)).toEqual([[Buffer.from(parts.join('')), written]]);
    });

    test('who follows a write that fails is told', async () => {
      using opened = open();
      const wrong = { digest: digestOf('other'), size: 3 };
      const followed: Promise<unknown>[] = [];
      const writing = opened.store.write(chunks('one'), wrong, signal, (growing) => {
        followed.push(
          buffer(growing.read()).catch(() => 'failed'),
          growing.written,
        );
      });
      await expect(writing).rejects.toMatchObject({ code: 'BLOB_DIGEST_MISMATCH' });
      expect(await Promise.all(followed)).toEqual(['failed', undefined]);
    });
  });
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part);
}
