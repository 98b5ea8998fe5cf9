import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { collectGarbage } from './collect-garbage.ts';

function letGo(): WeakRef<Uint8Array> {
  return new WeakRef(new Uint8Array(1 << 20));
}

test('collectGarbage() takes what nobody refers to, and leaves no function for it behind', async () => {
  const seen = letGo();
  // What a weak reference was made of lives until the end of the turn.
  await setImmediate();
  collectGarbage();
  expect(seen.deref()).toBeUndefined();
  expect('gc' in globalThis).toBe(false);
});
