import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { afterAll, beforeEach, expect, inject } from 'vitest';
import { endCollecting, isFirst, openCollection, startCollecting } from './collect.ts';
import { readImages } from './read-images.ts';
import { report } from './report.ts';

/** Docker and umoci unpack some 20 MB a second. */
const LIMIT_MS = 600_000;

const { dir, tools } = inject('readBack');
const collection = openCollection(dir);
startCollecting(collection);

beforeEach(({ task }) => {
  collection.test = task.name;
});

// Of all hooks after a file, the one that was set up first runs last.
afterAll(async () => {
  const unread = endCollecting();
  const { images, faults } = collection;
  const isNew = (what: string, digest: string): boolean => isFirst(collection, what, digest);
  const startedAt = performance.now();
  const readings = await readImages(images, tools, isNew, collection.dir);
  const ms = collection.spentMs + performance.now() - startedAt;
  report(dir, basename(expect.getState().testPath ?? ''), ms, readings);
  rmSync(collection.dir, { recursive: true });
  expect([...unread, ...faults, ...readings.faults], 'Images were not read back').toEqual([]);
}, LIMIT_MS);
