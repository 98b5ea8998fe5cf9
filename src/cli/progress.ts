import type { Emit } from '../events/event.ts';

/** A reader of events that shows them. */
export interface Progress {
  readonly emit: Emit;
  /** Takes what moves off the screen until the returned function is called. No event may come meanwhile. */
  suspend?(): () => void;
  /** Shows what is left to show and stops. No event may follow. */
  close(): void;
}

/** `quiet` shows only what a failed step printed; `none` shows nothing at all. */
export type ProgressKind = 'plain' | 'tty' | 'json' | 'quiet' | 'none';

/** What the displays need of the world besides events. */
export interface ProgressEnvironment {
  /** False under NO_COLOR. */
  readonly hasColour: boolean;
  /** Milliseconds, any origin, never going back. */
  now(): number;
  /** Calls back every `ms` until the returned function is called. Does not keep the process alive. */
  every(ms: number, callback: () => void): () => void;
}
