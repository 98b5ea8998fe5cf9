import { spawn } from 'node:child_process';
import type { Command } from './peer.ts';

/** How a timed command went. */
export interface Timing {
  readonly wallMs: number;
  readonly status: number | null;
  /** The end of what it printed, for when it failed. */
  readonly output: string;
  /** Largest resident size of any of its processes; undefined when /usr/bin/time is not there. */
  readonly peakKb: number | undefined;
}

const KEPT_OUTPUT = 4_000;

/**
 * Runs a command to its end and times it from outside, as a user would.
 * @throws the signal's reason, when the command and all that it started was told to end
 */
export async function runCommand({ argv, env }: Command, signal: AbortSignal): Promise<Timing> {
  signal.throwIfAborted();
  const [program, ...args] = argv;
  const began = performance.now();
  const child = spawn('/usr/bin/time', ['-f', 'peak %M', program, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: `time` passes no signals on.
    detached: true,
  });
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
    } catch {
      // It has just ended.
    }
  };
  signal.addEventListener('abort', end, { once: true });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).finally(() => signal.removeEventListener('abort', end));
  signal.throwIfAborted();
  const wallMs = performance.now() - began;
  const peak = /peak (\d+)\s*$/.exec(output)?.[1];
  return { wallMs, status, output, peakKb: peak === undefined ? undefined : Number(peak) };
}
