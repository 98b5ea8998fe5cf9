import { describe, expect, test } from 'vitest';
import { waitUntilReady } from './wait-until-ready.ts';

const never = new Promise<never>(() => undefined);

describe('waitUntilReady()', () => {
  test('tells a program that is ready from one that ended', async () => {
    const { signal } = new AbortController();
    const wait = (ready: Promise<'ready'>, ended: Promise<'ended'>): Promise<string> =>
      waitUntilReady(ready, ended, new AbortController(), signal);
    expect(await wait(Promise.resolve('ready'), never)).toBe('ready');
    expect(await wait(never, Promise.resolve('ended'))).toBe('ended');
  });

  test.each(['before', 'while'])(
    'stops the program, aborted %s it waits, and rejects only once it has ended',
    async (when) => {
      const controller = new AbortController();
      const stop = new AbortController();
      const order: string[] = [];
      const ended = new Promise<'ended'>((resolve) => {
        stop.signal.addEventListener('abort', () => {
          setImmediate(() => {
            order.push('ended');
            resolve('ended');
          });
        });
      });
      if (when === 'before') controller.abort(new Error('enough'));
      const waiting = waitUntilReady(never, ended, stop, controller.signal);
      controller.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      expect(order).toEqual(['ended']);
    },
  );
});
