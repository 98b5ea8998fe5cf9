import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gzipStream } from './compress.ts';

const MEBIBYTE = 1024 * 1024;
const never = new AbortController().signal;

/** Hands `bytes` on in pieces, all in one buffer that is used again. */
async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Uint8Array, void> {
  const buffer = Buffer.alloc(pieceBytes);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await Promise.resolve();
    const count = bytes.copy(buffer, 0, at);
    yield buffer.subarray(0, count);
  }
}

async function gzip(bytes: Buffer, level = 6, pieceBytes = 300_000): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const stream = gzipStream(inPieces(bytes, pieceBytes), { level }, never);
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function text(length: number): Buffer {
  return Buffer.alloc(length, 'the quick brown fox jumps over 1234567890 lazy dogs\n');
}

describe('gzipStream', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('x')],
    ['text shorter than a block', text(100_000)],
    ['exactly one block', text(MEBIBYTE)],
    ['exactly five blocks', text(5 * MEBIBYTE)],
    ['noise', randomBytes(3 * MEBIBYTE + 17)],
    [
      'text, noise and text again',
      Buffer.concat([text(2 * MEBIBYTE), randomBytes(2 * MEBIBYTE), text(MEBIBYTE + 1)]),
    ],
  ])('keeps %s', async (_name, bytes) => {
    for (const level of [0, 1, 6, 9]) {
      expect(gunzipSync(await gzip(bytes, level)).equals(bytes)).toBe(true);
    }
  });

  it('spends little time on repetition, unless the smallest result is asked for', async () => {
    const zeros = Buffer.alloc(4 * MEBIBYTE);
    const [ordinary, fast, smallest] = [
      await gzip(zeros, 6),
      await gzip(zeros, 3),
      await gzip(zeros, 9),
    ];
    expect(ordinary.equals(fast)).toBe(true);
    expect(smallest.length).toBeLessThanOrEqual(fast.length);
    expect(ordinary.length).toBeLessThan(zeros.length / 150);
    expect((await gzip(text(MEBIBYTE), 9)).equals(await gzip(text(MEBIBYTE), 3))).toBe(false);
  });

  it('keeps any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5000 }),
        fc.integer({ min: 0, max: 9 }),
        async (bytes, level) => {
          expect(gunzipSync(await gzip(Buffer.from(bytes), level, 77))).toEqual(Buffer.from(bytes));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is one member that gzip and Python read', async () => {
    const bytes = Buffer.concat([text(3 * MEBIBYTE), randomBytes(2 * MEBIBYTE)]);
    const compressed = await gzip(bytes);
    expect(spawnSync('gzip', ['-t', '-v'], { input: compressed }).status).toBe(0);
    const script =
      'import sys,zlib;d=zlib.decompressobj(31);o=d.decompress(sys.stdin.buffer.read());' +
      'sys.exit(0 if d.eof and not d.unused_data and zlib.crc32(o)==int(sys.argv[1]) else 1)';
    const { crc32 } = await import('node:zlib');
    const python = spawnSync('python3', ['-c', script, String(crc32(bytes))], {
      input: compressed,
    });
    expect(python.status).toBe(0);
  });

  it('gives the same bytes however the source is cut', async () => {
    const bytes = Buffer.concat([text(2_500_000), randomBytes(1_500_000)]);
    const once = await gzip(bytes, 6, bytes.length);
    expect((await gzip(bytes, 6, 65_536)).equals(once)).toBe(true);
    expect((await gzip(bytes, 6, 1_048_577)).equals(once)).toBe(true);
  });

  it('uses the end of a block as dictionary of the next', async () => {
    const noise = randomBytes(20_000);
    const bytes = Buffer.concat([text(MEBIBYTE - 20_000), noise, noise, text(500_000)]);
    // The second copy of the noise lies behind the block's end and costs next to nothing.
    expect((await gzip(bytes)).length).toBeLessThan(35_000);
  });

  it('stores noise instead of making it larger', async () => {
    const bytes = randomBytes(2 * MEBIBYTE);
    expect((await gzip(bytes, 9)).length).toBeLessThan(bytes.length + 1000);
  });

  it('writes no time and no name', async () => {
    const compressed = await gzip(text(10));
    expect([...compressed.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  });

  it('ends with the error of its source', async () => {
    async function* broken(): AsyncGenerator<Uint8Array, void> {
      yield text(3 * MEBIBYTE);
      await Promise.resolve();
      throw new Error('the disk is gone');
    }
    const stream = gzipStream(broken(), { level: 6 }, never);
    const drain = async (): Promise<void> => {
      for await (const _ of stream);
    };
    await expect(drain()).rejects.toThrow('the disk is gone');
  });

  it('stops when aborted', async () => {
    const stop = new AbortController();
    const stream = gzipStream(inPieces(text(9 * MEBIBYTE), MEBIBYTE), { level: 6 }, stop.signal);
    await stream.next();
    stop.abort(new Error('stopped'));
    await expect(stream.next()).rejects.toThrow('stopped');
  });
});
