import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BuildError, type BuildErrorInit } from '../diagnostics/build-error.ts';
import { Interrupted, reportFailure } from './exit.ts';

function report(error: unknown, reason?: unknown): { status: number; text: string } {
  const interruption = new AbortController();
  if (reason !== undefined) interruption.abort(reason);
  let text = '';
  const stderr = {
    write: (part: string | Uint8Array) => {
      text += String(part);
    },
    stream: () => process.stderr,
    isTerminal: false,
    size: () => undefined,
    flush: () => Promise.resolve(),
    onResize: () => () => undefined,
  };
  const status = reportFailure(error, stderr, interruption.signal);
  return { status, text };
}

function userError(kind: BuildErrorInit['class'], message = 'Cannot go on: it rains'): BuildError {
  return new BuildError({ code: 'RAIN', class: kind, message });
}

describe('reportFailure()', () => {
  test.each<[BuildErrorInit['class'], number]>([
    ['usage', 2],
    ['input', 3],
    ['build', 4],
    ['registry', 5],
    ['host', 6],
    ['verify', 7],
  ])('gives an error of class %s the status %d', (kind, status) => {
    expect(report(userError(kind))).toEqual({
      status,
      text: 'error[RAIN]: Cannot go on: it rains\n',
    });
  });

  test('prints each of several errors; the first sets the status', () => {
    const both = new AggregateError([userError('input', 'One'), userError('host', 'Two')]);
    expect(report(both)).toEqual({ status: 3, text: 'error[RAIN]: One\nerror[RAIN]: Two\n' });
  });

  test('prints the stack of a bug, and asks for a report', () => {
    const { status, text } = report(new TypeError('no such thing'));
    expect(status).toBe(1);
    expect(text).toMatch(/^TypeError: no such thing\n +at /);
    expect(text).toContain('This is a bug in Stagecraft.');
  });

  test.each<['SIGINT' | 'SIGTERM', number]>([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('exits as a shell reports %s, whatever failed because of it', (name, status) => {
    expect(report(new Error('a consequence'), new Interrupted(name))).toEqual({
      status,
      text: 'stagecraft: interrupted\n',
    });
  });

  test('says nothing to a reader that is gone', () => {
    expect(report(new Error('a consequence'), new Interrupted('SIGPIPE'))).toEqual({
      status: 141,
      text: '',
    });
  });
});

test.each([
  ['waits for ever', 'await new Promise(() => undefined)', 1],
  ['ends by itself', 'process.exit(0)', 0],
])('a program that %s does not end as if all were well', (_, work, status) => {
  const script = `
    const { refuseSilentEnd } = await import(${JSON.stringify(join(import.meta.dirname, 'exit.ts'))});
    refuseSilentEnd({ write: (text) => process._rawDebug(text) });
    void (async () => { ${work}; })();`;
  const ran = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script],
    {
      cwd: join(import.meta.dirname, '../..'),
      encoding: 'utf8',
    },
  );
  expect(ran.status).toBe(status);
  expect(ran.stderr.includes('ended before its work was done')).toBe(status === 1);
});
