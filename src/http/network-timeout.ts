import { parseDuration } from '../core/duration.ts';
import { networkTimeoutInvalid } from './errors.ts';

/** How long peers may take. All in milliseconds. */
export interface NetworkTimeouts {
  /** Until a connection stands. */
  readonly connectMs: number;
  /** Until an answer begins, and between its parts. */
  readonly silenceMs: number;
}

/** The variable for networks that are slower than most: a time such as `2m`. */
const VARIABLE = 'STAGECRAFT_NETWORK_TIMEOUT';
const DEFAULT_MS = 30_000;
const MIN_MS = 1000;
const MAX_MS = 3_600_000;
/** 10 s of 30 s. */
const CONNECT_SHARE = 1 / 3;

/**
 * What the environment says of slow networks: STAGECRAFT_NETWORK_TIMEOUT is how long a peer may be silent,
 * 30 s without it; a connection has to stand in a third of that.
 * @throws BuildError NETWORK_TIMEOUT_INVALID
 */
export function networkTimeouts(
  env: Readonly<Record<string, string | undefined>>,
): NetworkTimeouts {
  const text = env[VARIABLE] ?? '';
  const silenceMs = text === '' ? DEFAULT_MS : parse(text);
  return { silenceMs, connectMs: Math.round(silenceMs * CONNECT_SHARE) };
}

function parse(text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw networkTimeoutInvalid(VARIABLE, text, 'it is not a time');
  const ms = Math.round(parsed.nanoseconds / 1e6);
  if (ms >= MIN_MS && ms <= MAX_MS) return ms;
  throw networkTimeoutInvalid(VARIABLE, text, 'it is not between 1s and 1h');
}

/** A peer that said nothing, or next to nothing, for as long as it may. */
export class PeerTooSlow extends Error {
  override readonly name = 'PeerTooSlow';
  /** What helps where the network is the reason. */
  readonly hint: string;

  constructor(found: string, silenceMs: number) {
    super(found);
    this.hint = `Check the network; where it is slow, set ${VARIABLE} to more than ${silenceMs / 1000}s.`;
  }
}
