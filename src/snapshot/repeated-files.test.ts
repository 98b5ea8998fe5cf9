import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { textToBytes } from '../core/bytes.ts';
import { utimesNs } from '../host/sys.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import { makeOpaque } from '../tree/opaque.ts';
import { makeWhiteout } from '../tree/whiteout.ts';
import { findRepeatedFiles, type RepeatedFiles } from './repeated-files.ts';

const MTIME_NS = 1_234_567_890_123_456_789n;
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-repeated-'));
  mkdirSync(join(dir, 'lower/app/lib'), { recursive: true });
  mkdirSync(join(dir, 'upper'));
  for (const name of ['app/one', 'app/lib/two']) {
    const path = join(dir, 'lower', name);
    writeFileSync(path, 'x'.repeat(1000));
    utimesNs(path, MTIME_NS, MTIME_NS);
  }
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** As overlayfs copies up, and `mv` copies: bytes and time. */
function copyUp(from: string, to = from): void {
  mkdirSync(join(dir, 'upper', to, '..'), { recursive: true });
  copyFileSync(join(dir, 'lower', from), join(dir, 'upper', to));
  utimesNs(join(dir, 'upper', to), MTIME_NS, MTIME_NS);
}

function found(): RepeatedFiles {
  return findRepeatedFiles(join(dir, 'upper'), openChainTree([join(dir, 'lower')]));
}

describe('findRepeatedFiles()', () => {
  test('finds what a chmod or chown copied up', () => {
    copyUp('app/one');
    copyUp('app/lib/two');
    chmodSync(join(dir, 'upper/app/one'), 0o700);
    expect(found()).toEqual({ files: 2, bytes: 2000 });
  });

  test('leaves out what was written to, and what is new', () => {
    copyUp('app/one');
    writeFileSync(join(dir, 'upper/app/one'), 'y'.repeat(1000));
    copyUp('app/lib/two', 'new/two');
    expect(found()).toEqual({ files: 0, bytes: 0 });
  });

  test('finds what was moved to another directory, each file once', () => {
    copyUp('app/one', 'moved/one');
    copyUp('app/one', 'again/one');
    copyUp('app/lib/two', 'moved/lib/two');
    makeWhiteout(textToBytes(join(dir, 'upper/app')));
    expect(found()).toEqual({ files: 2, bytes: 2000 });
  });

  test('finds what was moved out of a directory that was made anew', () => {
    copyUp('app/lib/two', 'two/two');
    mkdirSync(join(dir, 'upper/app'));
    makeOpaque(textToBytes(join(dir, 'upper/app')));
    expect(found()).toEqual({ files: 1, bytes: 1000 });
  });

  test('counts a file with two names once', () => {
    copyUp('app/one');
    linkSync(join(dir, 'lower/app/one'), join(dir, 'lower/app/uno'));
    linkSync(join(dir, 'upper/app/one'), join(dir, 'upper/app/uno'));
    expect(found()).toEqual({ files: 1, bytes: 1000 });
  });

  test('finds nothing in an empty layer, and over an empty file system', () => {
    expect(found()).toEqual({ files: 0, bytes: 0 });
    copyUp('app/one');
    expect(findRepeatedFiles(join(dir, 'upper'), openChainTree([]))).toEqual({
      files: 0,
      bytes: 0,
    });
  });
});
