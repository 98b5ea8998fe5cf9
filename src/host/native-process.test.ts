import { closeSync, readSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createMemoryFile, createPipe, reapProcess, spawnNative } from './native-process.ts';

describe('createMemoryFile()', () => {
  test('holds the bytes, and can only be read', () => {
    const fd = createMemoryFile('test', Buffer.from('content'));
    const bytes = Buffer.alloc(10);
    expect(bytes.toString('utf8', 0, readSync(fd, bytes, 0, 10, 0))).toBe('content');
    expect(() => {
      writeFileSync(fd, 'x');
    }).toThrow('EBADF');
    closeSync(fd);
  });
});

describe('spawnNative()', () => {
  test('starts a program on the descriptors that it is given', () => {
    const input = createMemoryFile('script', Buffer.from('echo out; echo err >&2'));
    const output = createPipe();
    const pid = spawnNative({
      program: '/bin/sh',
      descriptors: [input, output.writeFd, output.writeFd],
    });
    reapProcess(pid);
    closeSync(output.writeFd);
    const bytes = Buffer.alloc(100);
    expect(bytes.toString('utf8', 0, readSync(output.readFd, bytes))).toBe('out\nerr\n');
    for (const fd of [input, output.readFd]) closeSync(fd);
  });

  test('says why a program cannot be started', () => {
    expect(() => spawnNative({ program: '/nonexistent', descriptors: [] })).toThrow(
      'Cannot start "/nonexistent": posix_spawn failed with error 2',
    );
  });
});
