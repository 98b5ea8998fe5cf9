import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
/** Stands for the real one, and says how it was started. */
const FAKE_CLI = `(() => {
const { NODE_EXTRA_CA_CERTS: own, STAGECRAFT_EXTRA_CA_CERTS: moved } = process.env;
process.stdout.write(JSON.stringify({ argv: process.argv.slice(2), own, moved }));
process.exit(7);
})`;

let dir: string;
let program: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-entry-'));
  const out = join(dir, 'dist');
  const script = join(ROOT, 'scripts/build.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--out', out, '--only', 'main'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  program = join(out, 'main.cjs');
  writeFileSync(join(out, 'cli.cjs'), FAKE_CLI);
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

function start(
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): { status: number | null; stdout: string; stderr: string } {
  const [file, ...args] = command;
  const { status, stdout, stderr } = spawnSync(file, args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { status, stdout, stderr };
}

describe('the program file', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };

  test.each([['--version'], ['-v'], ['version']])('%s prints the version', (word) => {
    expect(start([program, word])).toEqual({
      status: 0,
      stdout: `stagecraft ${version}\n`,
      stderr: '',
    });
  });

  test.each([['--help'], ['-h'], ['help'], [undefined]])('%s prints the commands', (word) => {
    const { status, stdout, stderr } = start([program, ...(word === undefined ? [] : [word])]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: stagecraft COMMAND \[OPTIONS\]\n/);
  });

  test('--version loads no file but the program itself, and no module that Node had not loaded', () => {
    const spy = join(dir, 'spy.cjs');
    writeFileSync(
      spy,
      `const before = new Set(process.moduleLoadList);
       process.on('exit', () => {
         const files = Object.keys(require.cache).filter((name) => name !== __filename);
         const all = process.moduleLoadList.filter((name) => !before.has(name));
         const heavy = all.filter((name) => /NativeModule (http|https|net|tls|zlib|crypto|worker_threads|child_process)$/.test(name));
         process._rawDebug(JSON.stringify({ files, heavy }));
       });`,
    );
    const { stderr } = start([process.execPath, '--require', spy, program, '--version']);
    expect(JSON.parse(stderr)).toEqual({ files: [program], heavy: [] });
  });

  test('hands every other command line on, word for word, and its status back', () => {
    const words = ['build', '--build-arg', 'A=b c', '', '*', '$HOME', '"'];
    const { status, stdout } = start([program, ...words]);
    expect({ status, argv: (JSON.parse(stdout) as { argv: unknown }).argv }).toEqual({
      status: 7,
      argv: words,
    });
  });

  test('keeps Node from reading certificates at the start, and passes the variable on', () => {
    const { stdout } = start([program, 'build'], { NODE_EXTRA_CA_CERTS: '/some/ca file.pem' });
    expect(JSON.parse(stdout)).toEqual({ argv: ['build'], moved: '/some/ca file.pem' });
  });

  test('runs under node as well, where the variable stays', () => {
    const { stdout } = start([process.execPath, program, 'build'], { NODE_EXTRA_CA_CERTS: '' });
    expect(JSON.parse(stdout)).toEqual({ argv: ['build'], own: '' });
  });

  test('runs through a symbolic link, as npm makes them', () => {
    const bin = join(dir, 'node_modules/.bin');
    mkdirSync(bin, { recursive: true });
    const link = join(bin, 'stagecraft');
    symlinkSync('../../dist/main.cjs', link);
    expect(start([link, 'images']).status).toBe(7);
  });
});
