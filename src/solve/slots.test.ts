import { expect, test } from 'vitest';
import { createSlots } from './slots.ts';

const { signal } = new AbortController();

test('slots.take() lets no more in than there are places, in the order they came', async () => {
  const slots = createSlots(1);
  const order: string[] = [];
  const first = await slots.take(signal);
  const second = slots.take(signal).then(async (slot) => {
    order.push('second');
    await slot[Symbol.asyncDispose]();
  });
  const third = slots.take(signal).then((slot) => {
    order.push('third');
    return slot;
  });
  expect(order).toEqual([]);
  await first[Symbol.asyncDispose]();
  await second;
  await third;
  expect(order).toEqual(['second', 'third']);
});

test('slots.take() gives up its turn when aborted', async () => {
  const slots = createSlots(1);
  const held = await slots.take(signal);
  const controller = new AbortController();
  const waiting = slots.take(controller.signal);
  controller.abort(new Error('stop'));
  await expect(waiting).rejects.toThrow('stop');
  await held[Symbol.asyncDispose]();
  await expect(slots.take(signal)).resolves.toBeDefined();
});
