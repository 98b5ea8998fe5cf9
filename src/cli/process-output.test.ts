import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const MODULE = join(import.meta.dirname, 'process-output.ts');

function script(body: string): string[] {
  return [
    '--import',
    'tsx',
    '--input-type=module',
    '-e',
    `const { openOutput, isTerminal } = await import(${JSON.stringify(MODULE)});
     const out = openOutput(1, (error) => process._rawDebug('failed', error.code));
     ${body}`,
  ];
}

const CWD = join(import.meta.dirname, '../..');

test('pipes and files are written without a stream', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stagecraft-output-'));
  try {
    const body = `out.write('text '); out.write(Buffer.from('bytes'));
      process._rawDebug(String(process.moduleLoadList.includes('NativeModule net')));`;
    const file = join(dir, 'file');
    const direct = spawnSync(
      'sh',
      ['-c', 'exec "$0" "$@" >"$OUT"', process.execPath, ...plain(body)],
      {
        cwd: CWD,
        encoding: 'utf8',
        env: { ...process.env, OUT: file },
      },
    );
    expect({ stderr: direct.stderr, text: readFileSync(file, 'utf8') }).toEqual({
      stderr: 'false\n',
      text: 'text bytes',
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

/** Without tsx, which loads sockets itself: the compiled text of the two functions is all it needs. */
function plain(body: string): string[] {
  const out = spawnSync(
    process.execPath,
    [
      join(CWD, 'node_modules/esbuild/bin/esbuild'),
      MODULE,
      '--bundle',
      '--platform=node',
      '--format=cjs',
      '--target=node20',
    ],
    { encoding: 'utf8' },
  ).stdout;
  return [
    '-e',
    `${out}
     const out = openOutput(1, (error) => process._rawDebug('failed', error.code));\n${body}`,
  ];
}

test('a slow reader of a pipe that does not block gets every byte in order', async () => {
  const lines = 20_000;
  const child = spawn(
    process.execPath,
    script(`for (let i = 0; i < ${String(lines)}; i++) out.write(i + '\\n');`),
    // Node's own pipes are sockets that do not block.
    { cwd: CWD, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  expect(text).toBe(Array.from({ length: lines }, (_, i) => `${String(i)}\n`).join(''));
});

test('a reader that begins late gets all of it before the program ends', async () => {
  const lines = 200_000;
  const child = spawn(
    process.execPath,
    script(`for (let i = 0; i < ${String(lines)}; i++) out.write(i + '\\n');
      process._rawDebug('written');
      await out.flush();
      process.exit(0);`),
    { cwd: CWD, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  // Nothing is read until the program waits for that.
  const written = once(child.stderr, 'data');
  const chunks: Buffer[] = [];
  child.stdout.pause();
  const reading = (async () => {
    await Promise.race([written, once(child.stdout, 'readable')]);
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
  })();
  await reading;
  expect(Buffer.concat(chunks).toString().trimEnd().split('\n')).toHaveLength(lines);
});

test('a reader that is gone is told once, after the write', () => {
  const body = `
    out.write('x'.repeat(1 << 20)); process._rawDebug('returned');
    out.write('more');`;
  const { stderr } = spawnSync(
    'bash',
    ['-c', 'set -o pipefail; "$0" "$@" | true', process.execPath, ...script(body)],
    { cwd: CWD, encoding: 'utf8' },
  );
  expect(stderr).toBe('returned\nfailed EPIPE\n');
});

test.each([
  ['a pipe', 'true | "$0" "$@"', 'false\n'],
  ['/dev/null', '"$0" "$@" </dev/null', 'false\n'],
  ['a descriptor that is closed', '"$0" "$@" <&-', 'false\n'],
])('%s is no terminal', (_, command, expected) => {
  const { stdout } = spawnSync(
    'sh',
    ['-c', command, process.execPath, ...script(`out.write(isTerminal(0) + '\\n');`)],
    { cwd: CWD, encoding: 'utf8' },
  );
  expect(stdout).toBe(expected);
});

test('a pseudo terminal is one', () => {
  const words = [
    process.execPath,
    ...script(`process.exit(isTerminal(0) && isTerminal(1) ? 7 : 1);`),
  ];
  const { status } = spawnSync('script', ['-qec', 'eval "$WORDS"', '/dev/null'], {
    cwd: CWD,
    env: {
      ...process.env,
      WORDS: words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' '),
    },
  });
  expect(status).toBe(7);
});
