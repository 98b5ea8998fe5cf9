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

/** Runs a command to its end and times it from outside, as a user would. */
export async function runCommand({ argv, env }: Command): Promise<Timing> {
  const [program, ...args] = argv;
  const began = performance.now();
  const child = spawn('/usr/bin/time', ['-f', 'peak %M', program, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const wallMs = performance.now() - began;
  const peak = /peak (\d+)\s*$/.exec(output)?.[1];
  return { wallMs, status, output, peakKb: peak === undefined ? undefined : Number(peak) };
}
