/** A counted number of places, handed to waiters in the order they came. */
export interface Slots {
  take(signal: AbortSignal): Promise<AsyncDisposable>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];

  const release = (): void => {
    const next = waiting.shift();
    // A place goes straight to the next waiter: a newcomer can never get in between.
    if (next === undefined) free++;
    else next();
  };

  return {
    async take(signal) {
      signal.throwIfAborted();
      if (free > 0) free--;
      else await turn(waiting, signal);
      let isHeld = true;
      return {
        [Symbol.asyncDispose]() {
          if (isHeld) release();
          isHeld = false;
          return Promise.resolve();
        },
      };
    },
  };
}

function turn(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const enter = (): void => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    const leave = (): void => {
      waiting.splice(waiting.indexOf(enter), 1);
      reject(signal.reason instanceof Error ? signal.reason : new Error('Aborted'));
    };
    waiting.push(enter);
    signal.addEventListener('abort', leave, { once: true });
  });
}
