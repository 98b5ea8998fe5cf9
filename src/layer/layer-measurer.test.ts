import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLayerMeasurer } from './layer-measurer.ts';
import { measureLayer } from './measure-layer.ts';

const LARGE_BYTES = 1 << 30;
const options = { clampMtime: 1_000_000_000 };
const { signal } = new AbortController();
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-measurer-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function makeLayer(name: string): string {
  const path = join(dir, name);
  mkdirSync(join(path, 'sub'), { recursive: true });
  for (let i = 0; i < 20; i++) writeFileSync(join(path, 'sub', `f${String(i)}`), name.repeat(i));
  return path;
}

test('gives each layer its own facts, whoever measured it', async () => {
  const layers = ['a', 'b', 'c', 'd', 'e'].map(makeLayer);
  await using measurer = openLayerMeasurer();
  // The first and some more in the thread, the others here.
  for (const path of layers.slice(0, 4)) measurer.expect(path, options, LARGE_BYTES);
  const found = await Promise.all(layers.map((path) => measurer.measure(path, options, signal)));
  const wanted = [];
  for (const path of layers) wanted.push(await measureLayer(path, options, signal));
  expect(found).toEqual(wanted);
  expect(new Set(found.map(({ diffId }) => diffId)).size).toBe(layers.length);
});

test('what the thread cannot measure fails here, with its own error', async () => {
  await using measurer = openLayerMeasurer();
  const missing = join(dir, 'missing');
  measurer.expect(missing, options, LARGE_BYTES);
  await expect(measurer.measure(missing, options, signal)).rejects.toMatchObject({
    code: 'ENOENT',
  });
  // And the thread is still of use.
  const layer = makeLayer('a');
  measurer.expect(layer, options, LARGE_BYTES);
  expect(await measurer.measure(layer, options, signal)).toEqual(
    await measureLayer(layer, options, signal),
  );
});

test('ends with its thread, though a layer was expected and never asked for', async () => {
  const measurer = openLayerMeasurer();
  measurer.expect(makeLayer('a'), options, LARGE_BYTES);
  measurer.expect(makeLayer('b'), options, LARGE_BYTES);
  await measurer[Symbol.asyncDispose]();
  expect(await measurer.measure(makeLayer('c'), options, signal)).toHaveProperty('diffId');
});

test('a thread that got ready measures what comes, large and small, and what never comes is no trouble', async () => {
  const large = makeLayer('large');
  const small = makeLayer('small');
  {
    await using measurer = openLayerMeasurer();
    measurer.prepare();
    measurer.prepare();
    measurer.expect(small, options, 20 << 20);
    measurer.expect(large, options, LARGE_BYTES);
    const found = [small, large].map((path) => measurer.measure(path, options, signal));
    expect(await Promise.all(found)).toEqual([
      await measureLayer(small, options, signal),
      await measureLayer(large, options, signal),
    ]);
  }
  await using unused = openLayerMeasurer();
  unused.prepare();
});
