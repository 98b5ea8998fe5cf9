import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { cgroupsLeft, type SandboxRig } from './sandbox-rig.fixture.ts';

/**
 * What a Sandbox promises of the life of a process: how it starts and ends, and that nothing is left. Part
 * of `sandboxContract`. `name` is what sandbox-victim.fixture.ts knows it by.
 */
export function sandboxLifeContract(name: string, rig: () => SandboxRig): void {
  test('passes on much output whole and in order', async () => {
    const bytes = 20 * 1024 * 1024;
    const { stdout } = await rig().shell(
      `echo first; dd if=/dev/zero bs=1M count=20 2>/dev/null; echo last`,
    );
    expect(stdout.length).toBe(bytes + 'first\nlast\n'.length);
    expect([stdout.slice(0, 6), stdout.slice(-5)]).toEqual(['first\n', 'last\n']);
  });

  test('ends everything that the process started when it ends', async () => {
    const mark = `4${process.pid}1`;
    const { exit } = await rig().shell(`sleep ${mark} & exit 0`);
    expect(exit).toEqual({ kind: 'exited', status: 0 });
    expect(processesWith(mark)).toEqual([]);
  });

  test('lets a process clean up on abort', async () => {
    const stop = new AbortController();
    const chunks: string[] = [];
    const running = rig().run(
      ['sh', '-c', 'trap "echo bye; exit 0" TERM; echo ready; while :; do sleep 0.05; done'],
      {},
      (text) => {
        chunks.push(text);
        if (text === 'ready\n') stop.abort(new Error('stopped'));
      },
      stop.signal,
    );
    await expect(running).rejects.toThrow('stopped');
    expect(chunks).toContain('ready\nbye\n');
  });

  test('kills what does not react to an abort', async () => {
    const mark = `4${process.pid}2`;
    const stop = new AbortController();
    const running = rig().run(
      ['sh', '-c', `trap "" TERM; sleep ${mark} & echo ready; wait; sleep ${mark}`],
      { stopTimeoutMs: 50 },
      () => {
        stop.abort(new Error('stopped'));
      },
      stop.signal,
    );
    await expect(running).rejects.toThrow('stopped');
    expect(processesWith(mark)).toEqual([]);
  });

  test('starts nothing after an abort', async () => {
    const stopped = AbortSignal.abort(new Error('too late'));
    await expect(rig().run(['true'], {}, undefined, stopped)).rejects.toThrow('too late');
  });

  test('dies with this process, even when it is killed', async () => {
    const mark = `4${process.pid}3`;
    const fixture = path.join(import.meta.dirname, 'sandbox-victim.fixture.ts');
    const args = ['--import', 'tsx', fixture, name, JSON.stringify(rig().specOf(['sleep', mark]))];
    const victim = spawn(process.execPath, args, { stdio: 'ignore' });
    await vi.waitFor(
      () => {
        expect(processesWith(mark)).not.toEqual([]);
      },
      { timeout: 20_000, interval: 20 },
    );
    victim.kill('SIGKILL');
    await vi.waitFor(
      () => {
        expect(processesWith(mark)).toEqual([]);
      },
      { timeout: 10_000, interval: 20 },
    );
  }, 40_000);

  test.each([
    ['nonesuch', 'Cannot start "nonesuch": there is no such program in the step\'s file system'],
    ['/bin/none', 'Cannot start "/bin/none": there is no such program in the step\'s file system'],
    ['/etc/passwd', 'Cannot start "/etc/passwd": permission denied'],
    ['/bin/foreign', 'Cannot start "/bin/foreign": exec format error'],
  ])('says why %s cannot be started', async (program, message) => {
    writeFileSync(path.join(rig().rootfs, 'bin/foreign'), '\u007fELF of another kind', {
      mode: 0o755,
    });
    await expect(rig().run([program])).rejects.toMatchObject({ code: 'SANDBOX_START', message });
  });

  test('F06 says how much was too much for the kernel', async () => {
    const env = ['PATH=/bin', `BIG=${'x'.repeat(200_000)}`];
    await expect(rig().run(['true'], { env })).rejects.toMatchObject({
      code: 'SANDBOX_START',
      message:
        'Cannot start the process: arguments and environment take 200020 bytes, more than the kernel takes',
    });
  });

  test('leaves neither runtime directory nor cgroup behind, after an abort too', async () => {
    await rig().run(['true']);
    const stop = new AbortController();
    const stopped = rig().run(
      ['sh', '-c', 'echo; sleep 1000'],
      {},
      () => {
        stop.abort(new Error('stopped'));
      },
      stop.signal,
    );
    await expect(stopped).rejects.toThrow('stopped');
    expect(cgroupsLeft()).toEqual([]);
    const left = ['/run', '/dev/shm', tmpdir()]
      .flatMap((folder) => readdirSync(folder))
      .filter((entry) => entry.startsWith(`stagecraft-step.${process.pid}-`));
    expect(left).toEqual([]);
  });
}

/** Command lines of processes of this host that hold `mark`, apart from those that were given it to pass on. */
function processesWith(mark: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^[0-9]+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      } catch {
        return '';
      }
    })
    .filter((line) => line.endsWith(mark) && !line.includes('tsx'));
}
