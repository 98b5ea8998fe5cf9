import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findProgram, runProcess, type ProcessOutput } from '../../host/child-process.ts';
import { launcherCode, type LauncherArchitecture } from './machine-code.ts';
import { LaunchProgram } from './program.ts';
import { beginGuarded, startGuarded, throwIfFailed, type LaunchEnd } from './start.ts';

const { signal } = new AbortController();

/** How each processor's programs can be run here: directly, or by an emulator where there is one. */
const RUNNERS = (['x64', 'arm64'] as const).map((architecture) => ({
  architecture,
  runner: process.arch === architecture ? '' : emulatorOf(architecture),
}));

function emulatorOf(architecture: LauncherArchitecture): string | undefined {
  return findProgram(architecture === 'x64' ? 'qemu-x86_64-static' : 'qemu-aarch64-static');
}

describe.each(RUNNERS)('a LaunchProgram for $architecture', ({ architecture, runner }) => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'launch-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });

  /** Runs it with descriptor 3 joined to its standard output. */
  async function run(program: LaunchProgram): Promise<ProcessOutput> {
    const file = path.join(dir, 'program');
    writeFileSync(file, program.build(), { mode: 0o755 });
    const args = ['-c', 'exec "$@" 3>&1', 'sh', ...(runner === '' ? [] : [runner ?? '']), file];
    return runProcess({ program: '/bin/sh', args }, signal);
  }

  test('has code that leaves the records aligned', () => {
    expect(launcherCode(architecture).length % 8).toBe(0);
  });

  test.skipIf(runner === undefined)('makes its calls in order', async () => {
    const program = new LaunchProgram(architecture);
    program.call('write', [1, 'one ', 4], 'writing');
    program.tryCall('chdir', ['/nonexistent'], 'failing');
    program.call('write', [1, Buffer.from('two'), 3], 'writing');
    program.call('exit_group', [7], 'ending');
    const { status, stdout } = await run(program);
    expect([status, stdout.toString()]).toEqual([7, 'one two']);
  });

  test.skipIf(runner === undefined)('passes arrays of text to a program', async () => {
    const program = new LaunchProgram(architecture);
    program.call('execve', ['/bin/sh', ['sh', '-c', 'echo "$0 $A"', 'x'], ['A=ä']], 'executing');
    expect((await run(program)).stdout.toString()).toBe('x ä\n');
  });

  test.skipIf(runner === undefined).each(['call', 'expect'] as const)(
    'stops at a %s that fails and says which',
    async (kind) => {
      const program = new LaunchProgram(architecture);
      program.call('getpid', [], 'asking');
      if (kind === 'call') program.call('chdir', ['/nonexistent'], 'changing');
      else program.expect('getppid', [], 0, 'changing');
      program.call('write', [1, 'not reached', 11], 'writing');
      const { status, stdout } = await run(program);
      expect([status, stdout.length]).toEqual([125, 16]);
      expect(program.aboutAt(stdout.readBigUInt64LE(0))).toBe('changing');
      if (kind === 'call') expect(stdout.readBigInt64LE(8)).toBe(-2n);
    },
  );

  test.skipIf(runner === undefined)('waits for its child and reports how it ended', async () => {
    const program = new LaunchProgram(architecture);
    const blocked = Buffer.alloc(8);
    blocked.writeBigUInt64LE((1n << 14n) | (1n << 16n));
    program.call('rt_sigprocmask', [0, blocked, 0, 8], 'blocking SIGTERM and SIGCHLD');
    program.fork(0, [15], 'forking');
    program.call('exit_group', [5], 'ending');
    const { status, stdout } = await run(program);
    expect(status).toBe(0);
    expect([stdout.readBigUInt64LE(0), stdout.readBigUInt64LE(8)]).toEqual([0n, 0x0500n]);
  });
});

test('LaunchProgram refuses calls it has no number for', () => {
  expect(() => {
    new LaunchProgram('x64').call('no_such_call', [], '');
  }).toThrow('No number for the system call no_such_call');
});

const canMakeNamespaces = process.getuid?.() === 0 && process.arch === 'x64';

describe.skipIf(!canMakeNamespaces)('startGuarded()', () => {
  const start = (add: (program: LaunchProgram) => void): Promise<LaunchEnd> => {
    const program = beginGuarded('x64', 0, process.pid);
    add(program);
    return startGuarded(program, [0, 1, 2]).ended;
  };

  test('reports the status of a process, and the signal that killed it', async () => {
    const exited = start((program) => {
      program.call('exit_group', [9], 'ending');
    });
    expect(await exited).toEqual({ kind: 'exited', status: 9 });
  });

  test('says which call failed on the way', async () => {
    const end = await start((program) => {
      program.call('chroot', ['/nonexistent'], 'changing the root');
    });
    expect(end).toEqual({ kind: 'failed', about: 'changing the root', errno: 'ENOENT' });
    expect(() => throwIfFailed(end)).toThrow(
      'Cannot start the process: changing the root failed with ENOENT',
    );
  });

  test('kills the process when it is told to', async () => {
    const program = beginGuarded('x64', 0, process.pid);
    program.call('pause', [], 'waiting');
    const launched = startGuarded(program, [0, 1, 2]);
    launched.kill();
    expect(await launched.ended).toEqual({ kind: 'signaled', signal: 'SIGKILL' });
  });

  test('starts nothing for a builder that is gone', async () => {
    const program = beginGuarded('x64', 0, 1_000_000);
    program.call('exit_group', [0], 'ending');
    expect(await startGuarded(program, [0, 1, 2]).ended).toMatchObject({
      kind: 'failed',
      about: 'finding the builder alive',
    });
  });
});
