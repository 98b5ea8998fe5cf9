import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { textToBytes, type BytePath } from '../core/bytes.ts';
import { mknod } from '../host/sys.ts';
import { LayerStack } from './layer-stack.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'layer-stack-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Each layer has `d/<number>`. */
function layer(number: number): string {
  const root = path.join(dir, String(number));
  mkdirSync(path.join(root, 'd'), { recursive: true });
  writeFileSync(path.join(root, 'd', String(number)), '');
  return root;
}

function stackOf(count: number): LayerStack {
  return LayerStack.of(Array.from({ length: count }, (_, number) => layer(number)));
}

function bytes(name: string): BytePath {
  return textToBytes(name);
}

/** Names in `d` of a stack. */
function namesIn({ root, height }: LayerStack): string[] {
  const place = root.find(bytes('d'), height);
  return place?.kind === 'directory' ? place.directory.names(height).sort() : [];
}

describe('LayerStack', () => {
  test('looks at layers below once, however many are put on top of them', () => {
    const below = stackOf(300);
    expect(namesIn(below)).toHaveLength(300);
    expect(below.root.find(bytes('absent'), below.height)).toBeUndefined();
    // Whoever looked again would find nothing.
    for (let number = 0; number < 300; number++)
      renameSync(path.join(dir, String(number)), path.join(dir, `gone-${String(number)}`));
    let stack = below;
    for (let number = 300; number < 310; number++) {
      stack = stack.with(layer(number));
      expect(namesIn(stack)).toHaveLength(number + 1);
      expect(stack.root.find(bytes('absent'), stack.height)).toBeUndefined();
    }
    expect(namesIn(below)).toHaveLength(300);
  });

  test('two things put on the same layers do not see one another', () => {
    const below = stackOf(3);
    const one = below.with(layer(10));
    const other = below.with(layer(11));
    expect(namesIn(one)).toEqual(['0', '1', '10', '2']);
    expect(namesIn(other)).toEqual(['0', '1', '11', '2']);
    expect(namesIn(below)).toEqual(['0', '1', '2']);
  });

  test('a name that was removed and made again has nothing of what was below', () => {
    const below = stackOf(2);
    const top = path.join(dir, 'removed');
    mkdirSync(top);
    mknod(path.join(top, 'd'), 0o020000, 0);
    const removed = below.with(top);
    const again = removed.with(layer(3));
    expect(namesIn(again)).toEqual(['3']);
    expect(removed.root.find(bytes('d'), removed.height)?.kind).toBe('removed');
    expect(removed.root.names(removed.height)).toEqual([]);
    expect(namesIn(below)).toEqual(['0', '1']);
  });
});
