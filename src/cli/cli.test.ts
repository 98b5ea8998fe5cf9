import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PROGRAM = ['--import', 'tsx', join(import.meta.dirname, 'cli.ts')];
let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-cli-'));
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: dir,
  STAGECRAFT_ROOT: join(dir, 'store'),
});

function start(...words: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...PROGRAM, ...words], { env: environment() });
}

function ended(child: {
  once(event: 'exit', listener: (status: number | null) => void): unknown;
}): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', resolve);
  });
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (stream === null) throw new Error('The stream is not a pipe');
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

describe('the program', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends by %s while it waits for standard input, with the status of a shell',
    async (name) => {
      const child = start('build', '--squash', '-');
      const status = ended(child);
      let text = '';
      for await (const chunk of child.stderr) {
        text += String(chunk);
        // Printed after the signals are listened for.
        if (text.includes('--squash') && !text.includes('interrupted')) child.kill(name);
      }
      expect(await status).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[name]);
      expect(text).toBe(
        'warning: "--squash" has no effect: layers stay as they are\nstagecraft: interrupted\n',
      );
    },
  );

  test('fails when its output cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    try {
      const child = spawn(process.execPath, [...PROGRAM, 'images'], {
        env: environment(),
        stdio: ['ignore', full, 'pipe'],
      });
      const [status, text] = await Promise.all([ended(child), textOf(child.stderr)]);
      expect({ status, text }).toEqual({
        status: 6,
        text: "error[OUTPUT_FAILED]: Cannot write the command's output: ENOSPC\n",
      });
    } finally {
      closeSync(full);
    }
  });

  test('ends quietly when nobody reads on', async () => {
    const child = start('build', '--help');
    child.stdout.destroy();
    const [status, text] = await Promise.all([ended(child), textOf(child.stderr)]);
    expect({ status, text }).toEqual({ status: 141, text: '' });
  });

  test('takes no archive for a Dockerfile', async () => {
    const child = start('build', '-f', '-', '.');
    child.stdin.end(Buffer.from('1f8b0800000000000003', 'hex'));
    const [status, text] = await Promise.all([ended(child), textOf(child.stderr)]);
    expect({ status, text }).toEqual({
      status: 3,
      text:
        'error[STDIN_UNUSABLE]: Cannot read the Dockerfile from standard input: it is an archive\n' +
        '  hint: Name "-" as the build context, without -f -\n',
    });
  });
});
