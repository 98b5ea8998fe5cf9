import { describe, expect, test } from 'vitest';
import { ContextCopies, type ContextCopy } from './context-copies.ts';

function maker(): { made: number; closed: number; readonly make: () => Promise<ContextCopy> } {
  const counts = {
    made: 0,
    closed: 0,
    make: () => {
      counts.made++;
      return Promise.resolve({
        hostPath: `/copy-${String(counts.made)}`,
        [Symbol.asyncDispose]: () => {
          counts.closed++;
          return Promise.resolve();
        },
      });
    },
  };
  return counts;
}

describe('ContextCopies', () => {
  test('makes a copy once, for steps at the same time and later ones, and closes it at the end', async () => {
    const counts = maker();
    const copies = new ContextCopies();
    const both = await Promise.all([copies.get('a', counts.make), copies.get('a', counts.make)]);
    expect(both.map(({ hostPath }) => hostPath)).toEqual(['/copy-1', '/copy-1']);
    await both[0][Symbol.asyncDispose]();
    expect((await copies.get('a', counts.make)).hostPath).toBe('/copy-1');
    expect((await copies.get('b', counts.make)).hostPath).toBe('/copy-2');
    expect(counts.closed).toBe(0);
    await copies[Symbol.asyncDispose]();
    expect(counts).toMatchObject({ made: 2, closed: 2 });
  });

  test('tries anew after a failure', async () => {
    const counts = maker();
    await using copies = new ContextCopies();
    const failing = copies.get('a', () => Promise.reject(new Error('no room')));
    await expect(failing).rejects.toThrow('no room');
    expect((await copies.get('a', counts.make)).hostPath).toBe('/copy-1');
  });
});
