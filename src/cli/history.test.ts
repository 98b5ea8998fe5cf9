import { describe, expect, test } from 'vitest';
import { imageHistory } from '../build/describe-image.ts';
import type { DiffId } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import type { HistoryEntry, ImageConfig } from '../image/config.ts';
import { historyFields } from './history.ts';

const ID = digestOf(Buffer.from('config'));

function rowsOf(entries: readonly HistoryEntry[], sizes: readonly number[]) {
  const layers = sizes.map((size, index) => ({
    diffId: digestOf(Buffer.from(String(index))) as string as DiffId,
    size,
    snapshot: undefined,
    blob: undefined,
  }));
  const image = { id: ID, layers, manifestDigest: undefined, storedAt: '2024-01-01T00:00:00Z' };
  const config: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: entries,
  };
  return imageHistory({ image, references: [] }, config, ({ size }) => size);
}

describe('imageHistory()', () => {
  test('gives each step the size of its layer, newest first, the id on top', () => {
    const rows = rowsOf(
      [{ created_by: 'ADD' }, { created_by: 'ENV', empty_layer: true }, { created_by: 'RUN' }],
      [100, 7],
    );
    expect(rows.map(({ id, createdBy, bytes }) => [id, createdBy, bytes])).toEqual([
      [ID, 'RUN', 7],
      [undefined, 'ENV', 0],
      [undefined, 'ADD', 100],
    ]);
  });

  test('shows layers that the history does not tell of', () => {
    expect(rowsOf([{ created_by: 'ADD' }], [1, 2]).map(({ bytes }) => bytes)).toEqual([2, 1]);
  });
});

describe('historyFields()', () => {
  const row = {
    id: ID,
    createdAt: '2024-05-01T00:00:00Z',
    createdBy: `RUN\t${'x'.repeat(60)}\u001b[31m`,
    comment: 'c',
    bytes: 4_100_000,
  };
  const now = Date.parse('2024-05-04T00:00:00Z');

  test('are short and for people', () => {
    const fields = historyFields(row, { isWhole: false, isHuman: true, now });
    expect(fields).toEqual({
      ID: ID.slice(7, 19),
      CreatedSince: '3 days ago',
      CreatedAt: '2024-05-01T00:00:00Z',
      CreatedBy: `RUN ${'x'.repeat(40)}…`,
      Size: '4.1MB',
      Comment: 'c',
    });
  });

  test('are whole and exact when asked, and never reach the terminal as commands', () => {
    const fields = historyFields(row, { isWhole: true, isHuman: false, now });
    expect([fields.ID, fields.Size]).toEqual([ID, '4100000']);
    expect(fields.CreatedBy).toContain('x'.repeat(60));
    expect(fields.CreatedBy).not.toContain('\u001b');
  });

  test('a step that is no image here has no id', () => {
    expect(historyFields({ ...row, id: undefined }, { isWhole: true, isHuman: true, now }).ID).toBe(
      '<missing>',
    );
  });
});
