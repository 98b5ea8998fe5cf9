import { truncateSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { copy, openFileOpRig, type FileOpRig } from '../testing/file-op-rig.ts';
import { openContext } from '../tree/context-tree.ts';

let rig: FileOpRig;
beforeEach(() => {
  rig = openFileOpRig();
});
afterEach(() => {
  rig.dispose();
});

test.runIf(process.geteuid?.() === 0)(
  'a file op tells once that it writes much, by the sizes that its layer will have',
  async () => {
    const root = rig.make('context', {
      f: { text: '' },
      'd/g': { text: 'G' },
      'd/h': { text: '' },
    });
    // Holes count.
    for (const name of ['f', 'd/h']) truncateSync(path.join(root, name), 40 << 20);
    const source = openContext(root, undefined);
    let told = 0;
    const onLarge = (): void => {
      told++;
    };
    await rig.run({ source, actions: [copy('/d', '/x')], onLarge });
    expect(told).toBe(0);
    const actions = [copy('/d', '/x'), copy('/f', '/y'), copy('/f', '/z')];
    await rig.run({ source, actions, onLarge });
    expect(told).toBe(1);
  },
);
