import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStepLogs, readStepLog, tidyStepLogs } from './step-logs.ts';

const MIB = 1024 * 1024;
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'step-logs-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

function printed(id: string, pieces: readonly Buffer[]): Buffer {
  const logs = openStepLogs(join(dir, id));
  for (const piece of pieces) logs.write(3, piece);
  logs.close();
  return Buffer.concat([...readStepLog(join(dir, id), 3, logs.sizeOf(3) ?? 0)]);
}

describe('openStepLogs()', () => {
  test('keeps all that a step printed', () => {
    const pieces = ['one\n', 'two\n', 'three'].map((text) => Buffer.from(text));
    expect(printed('a', pieces).toString()).toBe('one\ntwo\nthree');
    expect(readdirSync(dir)).toEqual(['a']);
  });

  test('keeps the beginning and the end of a step that prints without end, and counts the rest', () => {
    const count = 40;
    const pieces = Array.from({ length: count }, (_, i) => Buffer.alloc(MIB, 65 + (i % 26)));
    const all = Buffer.concat([...pieces, Buffer.from('the end')]);
    const log = printed('a', [...pieces, Buffer.from('the end')]);
    const gap = /\n\[(\d+) bytes are not kept\]\n/.exec(log.toString('latin1'));
    const at = gap?.index ?? 0;
    const end = log.subarray(at + (gap?.[0].length ?? 0));
    expect(log.subarray(0, at).equals(all.subarray(0, at))).toBe(true);
    expect(end.equals(all.subarray(-end.length))).toBe(true);
    expect(at + end.length + Number(gap?.[1])).toBe(all.length);
    const kept = readdirSync(join(dir, 'a')).map((name) => statSync(join(dir, 'a', name)).size);
    expect(kept.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(12 * MIB);
  });

  test('makes nothing for steps that print nothing', () => {
    openStepLogs(join(dir, 'quiet')).close();
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('tidyStepLogs()', () => {
  test('removes logs of builds that nobody knows any more, and no others', () => {
    for (const id of ['1', '2', '3', '4']) printed(id, [Buffer.from('x')]);
    // The last one has no record yet: it runs.
    tidyStepLogs(dir, ['3', '2']);
    expect(readdirSync(dir)).toEqual(['2', '3', '4']);
  });
});
