import { describe, expect, test, vi } from 'vitest';
import { findProgram, runProcess, shownOutput, spawnProcess } from './child-process.ts';

const { signal } = new AbortController();
const shell = (script: string): { program: string; args: string[] } => ({
  program: '/bin/sh',
  args: ['-c', script],
});

describe('runProcess()', () => {
  test('gives status and both outputs', async () => {
    const result = await runProcess(shell('echo out; echo err >&2; exit 3'), signal);
    expect(result.status).toBe(3);
    expect([result.stdout.toString(), result.stderr.toString()]).toEqual(['out\n', 'err\n']);
  });

  test('reports the signal that ended it', async () => {
    expect(await runProcess(shell('kill -9 $$'), signal)).toMatchObject({
      status: undefined,
      signal: 'SIGKILL',
    });
  });

  test('passes its input and nothing of our environment', async () => {
    vi.stubEnv('CANARY', 'leaked');
    const { stdout } = await runProcess(
      { ...shell('cat; echo "[$CANARY]"'), input: 'text' },
      signal,
    );
    vi.unstubAllEnvs();
    expect(stdout.toString()).toBe('text[]\n');
  });

  test('lives with a program that does not read its input', async () => {
    const input = Buffer.alloc(1024 * 1024);
    expect(await runProcess({ ...shell('exit 0'), input }, signal)).toMatchObject({ status: 0 });
  });

  test('stops a program that writes too much', async () => {
    const request = { ...shell('while :; do echo 0123456789; done'), maxOutputBytes: 1000 };
    await expect(runProcess(request, signal)).rejects.toMatchObject({
      code: 'PROCESS_OUTPUT_TOO_LARGE',
      message: 'Cannot read the output of "/bin/sh": it wrote more than 1000 bytes',
    });
  });

  test('kills it on abort and rejects with the reason', async () => {
    const stop = new AbortController();
    const running = spawnProcess(
      { ...shell('echo; exec sleep 1000'), stdio: 'captured' },
      stop.signal,
    );
    running.stdout?.once('data', () => {
      stop.abort(new Error('stopped'));
    });
    await expect(running.ended).rejects.toThrow('stopped');
    expect(() => process.kill(running.pid, 0)).toThrow('ESRCH');
  });

  test('says which program cannot be started', async () => {
    await expect(runProcess({ program: '/nonexistent', args: [] }, signal)).rejects.toMatchObject({
      code: 'PROCESS_NOT_STARTED',
      message: 'Cannot start "/nonexistent": spawn /nonexistent ENOENT',
    });
  });
});

test('findProgram() looks into absolute directories only', () => {
  expect(findProgram('sh', '/nonexistent:/bin')).toBe('/bin/sh');
  expect(findProgram('sh', 'bin:.:')).toBeUndefined();
  expect(findProgram('no-such-program')).toBeUndefined();
});

test('shownOutput() keeps the end, without colours and control characters', () => {
  expect(shownOutput('\u001b[31mred\u001b[0m\u0007\tx\n')).toBe('red  x');
  expect(shownOutput('a'.repeat(5000) + 'end')).toMatch(/^…a+end$/);
});
