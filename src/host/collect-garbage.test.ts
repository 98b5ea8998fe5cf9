import { expect, test } from 'vitest';
import { collectGarbage } from './collect-garbage.ts';

test('collectGarbage() takes what nobody refers to, and leaves no function for it behind', () => {
  let large: Uint8Array | undefined = new Uint8Array(1 << 20);
  const seen = new WeakRef(large);
  large = undefined;
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    collectGarbage();
    expect(seen.deref()).toBeUndefined();
    expect('gc' in globalThis).toBe(false);
  });
});
