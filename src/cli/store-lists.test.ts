import { describe, expect, test } from 'vitest';
import type { UsageItem } from '../build/store-usage.ts';
import { digestOf } from '../core/sha256.ts';
import { usageTable } from './du.ts';
import { renderPruned } from './prune.ts';

const NOW = Date.parse('2024-05-04T00:00:00Z');

const LAYER: UsageItem = {
  kind: 'layer',
  id: 'abcdefghijkl',
  bytes: 2_000_000,
  imageCount: 2,
  isNeeded: true,
  isOrphaned: false,
  lastUsed: NOW - 3 * 3_600_000,
  step: '/src/Dockerfile [\u001b[2J] exec 1',
  build: '0mhx2k3y4abcd',
  parent: undefined,
  depth: 0,
};
const MOUNT: UsageItem = {
  ...LAYER,
  kind: 'mount',
  id: 'cd'.repeat(32),
  bytes: 500,
  imageCount: 0,
  isNeeded: false,
  step: undefined,
};

describe('usageTable()', () => {
  test('tells what is needed and shared, and the sums', () => {
    const lines = usageTable([LAYER, MOUNT], NOW, { isVerbose: false }).split('\n');
    expect(lines[1]).toMatch(/^image layer +abcdefghijkl +2MB +yes +yes +3 hours ago +\/src/);
    expect(lines[2]).toMatch(/^cache mount +cdcdcdcdcdcd +500B +no +no +3 hours ago$/);
    expect(lines.slice(4, 7).map((line) => line.split(/\s+/))).toEqual([
      ['Shared:', '2MB'],
      ['Reclaimable:', '500B'],
      ['Total:', '2MB'],
    ]);
  });

  test('shows no control characters of a name', () => {
    expect(usageTable([LAYER], NOW, { isVerbose: false })).not.toContain('\u001b');
  });
});

describe('renderPruned()', () => {
  test('lists images, things and the sum', () => {
    const id = digestOf('x');
    const images = [{ id, references: ['docker.io/library/app:latest'] }];
    expect(
      renderPruned({ images, items: [MOUNT], bytes: 500 }, { isVerbose: false }).split('\n'),
    ).toEqual([
      'Untagged: app:latest',
      `Deleted: ${id}`,
      `Deleted mount: ${MOUNT.id}`,
      'Total reclaimed space: 500B',
      '',
    ]);
  });
});
