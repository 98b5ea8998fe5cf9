import type { BuildEvent } from '../events/event.ts';
import type { Progress } from './progress.ts';

/** A display that can leave the terminal to somebody else for a while. */
export interface HeldProgress extends Progress {
  /** Shows nothing while `work` goes on, and afterwards what happened meanwhile. */
  hold<T>(work: () => Promise<T>): Promise<T>;
}

/** Events kept while nothing is shown; output beyond that is left out, as nobody could read it. */
const MAX_HELD_EVENTS = 10_000;

/** Makes `progress` one that can be held. */
export function createHeldProgress(progress: Progress): HeldProgress {
  let held: BuildEvent[] | undefined;
  return {
    emit: (event) => {
      if (held === undefined) progress.emit(event);
      else if (event.type !== 'op-output' || held.length < MAX_HELD_EVENTS) held.push(keep(event));
    },
    close: () => {
      progress.close();
    },
    async hold(work) {
      const resume = progress.suspend?.();
      held = [];
      try {
        return await work();
      } finally {
        const events = held;
        held = undefined;
        resume?.();
        for (const event of events) progress.emit(event);
      }
    },
  };
}

/** Bytes of output may be a view of a buffer that is used again. */
function keep(event: BuildEvent): BuildEvent {
  return event.type === 'op-output' ? { ...event, bytes: Uint8Array.from(event.bytes) } : event;
}
