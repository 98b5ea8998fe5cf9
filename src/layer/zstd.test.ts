import { describe, expect, test } from 'vitest';
import { openZstdLibrary } from '../host/zstd-library.ts';
import { decompress } from './decompress.ts';
import { zstdStream, type ZstdMakers } from './zstd.ts';

const never = new AbortController().signal;
/** More than two frames, the last one short. */
const BYTES = Buffer.alloc(9_000_000, 'a row of a table that compresses well, ');

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array, void> {
  await Promise.resolve();
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const none: ZstdMakers = {
  node: () => Promise.resolve(undefined),
  library: () => Promise.resolve(undefined),
  program: () => undefined,
};
const MAKERS: readonly [string, ZstdMakers][] = [
  ['libzstd', { ...none, library: () => Promise.resolve(openZstdLibrary()) }],
  ['the program', { ...none, program: () => '/usr/bin/zstd' }],
];

describe.each(MAKERS)('zstdStream() with %s', (_name, makers) => {
  test.each([0, 1, BYTES.length])('gives %i bytes back', async (length) => {
    const bytes = BYTES.subarray(0, length);
    const packed = await collect(zstdStream(inPieces(bytes, 70_000), { level: 3 }, never, makers));
    expect(packed.length).toBeLessThan(Math.max(length / 10, 64));
    const plain = await collect(decompress(inPieces(packed, 1000), never));
    expect(plain.equals(bytes)).toBe(true);
  });

  test('does not depend on how the source is cut', async () => {
    const [one, other] = await Promise.all(
      [4096, 3_000_001].map((size) =>
        collect(zstdStream(inPieces(BYTES, size), { level: 1 }, never, makers)),
      ),
    );
    expect(one?.equals(other ?? Buffer.alloc(0))).toBe(true);
  });

  test('ends when it is aborted', async () => {
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array, void> {
      for (;;) {
        yield BYTES;
        await Promise.resolve();
        controller.abort(new Error('enough'));
      }
    }
    const packing = collect(zstdStream(endless(), { level: 1 }, controller.signal, makers));
    await expect(packing).rejects.toThrow();
  });
});

test('zstdStream() says what to do where nothing can compress', async () => {
  const packing = collect(zstdStream(inPieces(BYTES, 1000), { level: 3 }, never, none));
  await expect(packing).rejects.toMatchObject({
    code: 'ZSTD_UNAVAILABLE',
    class: 'host',
    message:
      'Cannot compress with zstd: this Node, libzstd and the program zstd are all without it',
    hint: 'Install zstd, use Node 22.15 or newer, or export with compression=gzip',
  });
});
