import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { textToBytes, type BytePath } from '../core/bytes.ts';
import { mkfifo } from '../host/sys.ts';
import { digestFile } from './file-digest.ts';
import type { TreeNode } from './file-tree.ts';
import { readNode } from './node.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'digest-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function nodeOf(name: string, content: string | Buffer): TreeNode {
  writeFileSync(path.join(dir, name), content);
  const node = readNode(textToBytes(path.join(dir, name)), `/${name}` as BytePath);
  if (node === undefined) throw new Error('The file was written');
  return node;
}

describe('digestFile()', () => {
  test.each([0, 1, 1 << 20, (1 << 20) + 1])('hashes %d bytes', (size) => {
    const content = Buffer.alloc(size, 'x');
    const { digest } = digestFile(nodeOf('f', content));
    expect(digest).toEqual(createHash('sha256').update(content).digest());
  });

  test('gives what a file has now, with the state that belongs to it', () => {
    const node = nodeOf('f', 'old');
    writeFileSync(path.join(dir, 'f'), 'newer');
    const read = digestFile(node);
    expect(read.digest).toEqual(createHash('sha256').update('newer').digest());
    expect(read.node.size).toBe(5);
  });

  test.each<[string, (file: string) => void]>([
    ['removed', () => undefined],
    ['replaced by a directory', (file) => mkdirSync(file)],
    [
      'replaced by a link',
      (file) => {
        symlinkSync('/etc/passwd', file);
      },
    ],
    [
      'replaced by a pipe',
      (file) => {
        mkfifo(file, 0o600);
      },
    ],
  ])('a file that was %s since is an error', (_what, change) => {
    const node = nodeOf('f', 'old');
    rmSync(path.join(dir, 'f'));
    change(path.join(dir, 'f'));
    expect(() => digestFile(node)).toThrow(
      expect.objectContaining({
        code: 'CONTEXT_CHANGED',
        message: 'Cannot read "/f": it changed while it was read',
      }) as Error,
    );
  });
});
