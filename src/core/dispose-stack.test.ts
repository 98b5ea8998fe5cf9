import { describe, expect, test } from 'vitest';
import { DisposeStack } from './dispose-stack.ts';

describe('DisposeStack', () => {
  test('closes in the opposite order, once', async () => {
    const closed: string[] = [];
    const stack = new DisposeStack();
    stack.defer(() => void closed.push('first'));
    stack.use({
      [Symbol.asyncDispose]: () => {
        closed.push('second');
        return Promise.resolve();
      },
    });
    await stack[Symbol.asyncDispose]();
    await stack[Symbol.asyncDispose]();
    expect(closed).toEqual(['second', 'first']);
  });

  test('closes the rest when one fails, and throws that failure', async () => {
    const closed: string[] = [];
    const stack = new DisposeStack();
    stack.defer(() => void closed.push('first'));
    stack.defer(() => {
      throw new Error('stuck');
    });
    await expect(stack[Symbol.asyncDispose]()).rejects.toThrow('stuck');
    expect(closed).toEqual(['first']);
  });

  test('closes nothing that was moved', async () => {
    const closed: string[] = [];
    const stack = new DisposeStack();
    stack.defer(() => void closed.push('it'));
    const moved = stack.move();
    await stack[Symbol.asyncDispose]();
    expect(closed).toEqual([]);
    await moved[Symbol.asyncDispose]();
    expect(closed).toEqual(['it']);
  });
});
