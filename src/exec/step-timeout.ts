/** A signal that comes with another one, or when time is up. */
export interface StepTimeout extends Disposable {
  readonly signal: AbortSignal;
  /** Whether it was the time. */
  readonly isOver: boolean;
}

/** Begins to count. `ms` undefined is no limit. */
export function startTimeout(ms: number | undefined, signal: AbortSignal): StepTimeout {
  // Joining signals is slow in Node.
  if (ms === undefined) return { signal, isOver: false, [Symbol.dispose]: () => undefined };
  const time = new AbortController();
  const timer = setTimeout(() => {
    time.abort(new Error('The time of the step is up'));
  }, ms);
  return {
    signal: AbortSignal.any([signal, time.signal]),
    get isOver() {
      return time.signal.aborted && !signal.aborted;
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
    },
  };
}
