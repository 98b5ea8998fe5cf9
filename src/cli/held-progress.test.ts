import { expect, test } from 'vitest';
import type { BuildEvent } from '../events/event.ts';
import { createHeldProgress } from './held-progress.ts';

const note = (text: string): BuildEvent => ({ type: 'note', text });

test('createHeldProgress() shows what happened meanwhile afterwards, in order', async () => {
  const shown: string[] = [];
  const progress = createHeldProgress({
    emit: (event) => {
      if (event.type === 'note') shown.push(event.text);
      if (event.type === 'op-output') shown.push(Buffer.from(event.bytes).toString());
    },
    suspend: () => {
      shown.push('suspended');
      return () => shown.push('resumed');
    },
    close: () => shown.push('closed'),
  });
  progress.emit(note('before'));
  const bytes = Buffer.from('output');
  const work = progress.hold(() => {
    progress.emit(note('meanwhile'));
    progress.emit({ type: 'op-output', op: 1, stream: 'stdout', bytes, at: 0 });
    // Readers use their buffers again.
    bytes.fill('x');
    expect(shown).toEqual(['before', 'suspended']);
    return Promise.reject(new Error('the work failed'));
  });
  await expect(work).rejects.toThrow('the work failed');
  progress.emit(note('after'));
  progress.close();
  expect(shown).toEqual([
    ...['before', 'suspended', 'resumed', 'meanwhile', 'output', 'after', 'closed'],
  ]);
});
