import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startDocker, whyNoDocker, type DockerDaemon } from '../docker-daemon.ts';
import { renderReport } from './report.ts';
import type { Tools } from './read-images.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** What test files share for reading images back. */
    readonly readBack: {
      /** Of this run. */
      readonly dir: string;
      readonly tools: Tools;
    };
  }
}

const CLIENT = '/usr/bin/docker';
/** Files there are written and removed in no time, where there is room for what the tools unpack. */
const IN_MEMORY = '/dev/shm';
const ROOM_BYTES = 8 * 2 ** 30;

let dir: string;
let daemon: DockerDaemon | undefined;

/** Before the first system test: starts the one Docker of all of them. */
export async function setup({ provide }: TestProject): Promise<void> {
  dir = mkdtempSync(join(hasRoom(IN_MEMORY) ? IN_MEMORY : tmpdir(), 'stagecraft-read-back-'));
  // Also where a run is ended from outside.
  process.once('exit', clear);
  const home = join(dir, 'docker');
  daemon = whyNoDocker(CLIENT) === undefined ? await startDocker(home, CLIENT) : undefined;
  const env = { PATH: process.env['PATH'], HOME: home, DOCKER_HOST: daemon?.socket };
  const tools = {
    hasSkopeo: isThere('skopeo'),
    hasUmoci: isThere('umoci'),
    docker: daemon === undefined ? undefined : { path: CLIENT, env },
  };
  provide('readBack', { dir, tools });
}

/** After the last one: says what was read, and leaves nothing. */
export async function teardown(): Promise<void> {
  try {
    process.stdout.write(renderReport(dir));
    await daemon?.[Symbol.asyncDispose]();
  } finally {
    clear();
  }
}

function clear(): void {
  rmSync(dir, { recursive: true, force: true });
}

function isThere(tool: string): boolean {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
}

function hasRoom(path: string): boolean {
  if (!existsSync(path)) return false;
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize >= ROOM_BYTES;
}
