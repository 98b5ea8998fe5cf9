import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { tarArchive, type ArchiveMember } from './tar-archive.ts';

const never = new AbortController().signal;

async function bytesOf(members: readonly ArchiveMember[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tarArchive(members, never)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function* stream(...parts: readonly string[]): AsyncGenerator<Uint8Array, void> {
  for (const part of parts) {
    await Promise.resolve();
    yield Buffer.from(part);
  }
}

describe('tarArchive', () => {
  it('holds directories, bytes and streams that tar lists and reads', async () => {
    const archive = await bytesOf([
      { type: 'directory', name: 'blobs' },
      { type: 'file', name: 'blobs/a', bytes: Buffer.from('hello\n') },
      { type: 'stream', name: 'blobs/b', size: 10, open: () => stream('01234', '56789') },
      { type: 'file', name: `${'long/'.repeat(60)}ü`, bytes: Buffer.from('x') },
    ]);
    const list = spawnSync('tar', ['-tf', '-', '--quoting-style=literal'], { input: archive });
    expect(list.stdout.toString().split('\n')).toEqual([
      'blobs/',
      'blobs/a',
      'blobs/b',
      `${'long/'.repeat(60)}ü`,
      '',
    ]);
    const content = spawnSync('tar', ['-xOf', '-', 'blobs/b'], { input: archive });
    expect(content.stdout.toString()).toBe('0123456789');
    expect(archive.length % 512).toBe(0);
  });

  it.each([
    ['more', ['01234', '5']],
    ['fewer', ['0123']],
  ])('fails when a stream has %s bytes than promised', async (_name, parts) => {
    const made = bytesOf([{ type: 'stream', name: 'b', size: 5, open: () => stream(...parts) }]);
    await expect(made).rejects.toThrow('"b" does not have the 5 bytes it should');
  });
});
