import { describe, expect, test } from 'vitest';
import type { HistoryEntry, ImageConfig } from '../image/config.ts';
import { dateHistory } from './history-dates.ts';

const config = (history: readonly HistoryEntry[]): ImageConfig => ({
  architecture: 'amd64',
  os: 'linux',
  config: {},
  rootfs: { type: 'layers', diff_ids: [] },
  history,
});
const layer = (created_by: string): HistoryEntry => ({ created_by });
const empty = (created_by: string): HistoryEntry => ({ created_by, empty_layer: true });
const NOW = '2026-01-01T00:00:00.000Z';
const created = (image: ImageConfig): (string | undefined)[] =>
  image.history.map((entry) => entry.created);

describe('dateHistory()', () => {
  test('gives layers the time their step ran, and the image the last of them', () => {
    const image = dateHistory(
      config([layer('RUN a'), layer('RUN b')]),
      0,
      ['t1', 't2'],
      NOW,
      undefined,
    );
    expect(created(image)).toEqual(['t1', 't2']);
    expect(image.created).toBe('t2');
  });

  test('gives an entry without a layer the time before it, or of the first new layer', () => {
    const image = dateHistory(
      config([{ created: 't0', created_by: 'base' }, empty('ENV'), layer('RUN'), empty('CMD')]),
      1,
      ['t1'],
      NOW,
      undefined,
    );
    expect(created(image)).toEqual(['t0', 't1', 't1', 't1']);
  });

  test('takes the base image when nothing but the config is new', () => {
    const image = dateHistory(
      config([{ created: 't0', created_by: 'base' }, empty('CMD')]),
      1,
      [],
      NOW,
      undefined,
    );
    expect(created(image)).toEqual(['t0', 't0']);
  });

  test('takes the present for an image that is nothing but config', () => {
    expect(created(dateHistory(config([empty('CMD')]), 0, [], NOW, undefined))).toEqual([NOW]);
  });

  test('clamps what is new to the epoch and leaves the base image alone', () => {
    const base = { created: '2025-06-01T00:00:00.000Z', created_by: 'base' };
    const image = dateHistory(config([base, layer('RUN')]), 1, [NOW], NOW, 86400);
    expect(created(image)).toEqual(['2025-06-01T00:00:00.000Z', '1970-01-02T00:00:00Z']);
    expect(image.created).toBe('1970-01-02T00:00:00Z');
  });
});
