import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const MODULE = join(import.meta.dirname, 'code-cache.ts');
/** Of one length, so that only the identity can tell them apart. */
const programSaying = (word: string): string =>
  `(function (exports, require, module, __filename) {
    const { basename } = require('node:path'); process.stdout.write('${word} ' + basename(__filename));
  })`;

let dir: string;
let program: string;
let cacheHome: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-code-cache-'));
  program = join(dir, 'program.cjs');
  cacheHome = join(dir, '.cache');
  writeFileSync(program, programSaying('one'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Runs the program in a process of its own; `verdict` is what V8 said of the cache it was given. */
function run(
  command = 'build',
  build = 'a',
  home: string | null = cacheHome,
  path = program,
): { stdout: string; verdict: string; stderr: string } {
  const script = `
    import vm from 'node:vm';
    import { syncBuiltinESMExports } from 'node:module';
    const { Script } = vm;
    vm.Script = class extends Script {
      constructor(text, options) {
        super(text, options);
        const given = options.cachedData !== undefined;
        process.on('exit', () => process._rawDebug(!given ? 'none' : this.cachedDataRejected ? 'rejected' : 'used'));
      }
    };
    syncBuiltinESMExports();
    const { runProgram } = await import(${JSON.stringify(MODULE)});
    process.argv[2] = ${JSON.stringify(command)};
    const { userCacheDirectory } = await import(${JSON.stringify(join(import.meta.dirname, 'user-cache.ts'))});
    const cacheDirectory = userCacheDirectory({ XDG_CACHE_HOME: ${JSON.stringify(home ?? undefined)} });
    runProgram(${JSON.stringify(path)}, { build: ${JSON.stringify(build)}, cacheDirectory });`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script],
    { encoding: 'utf8', cwd: join(import.meta.dirname, '../..') },
  );
  return { stdout, verdict: stderr.trim(), stderr };
}

function cacheFile(): string {
  const [name = ''] = readdirSync(join(cacheHome, 'stagecraft'));
  return join(cacheHome, 'stagecraft', name);
}

test('the first build keeps the compiled program, the next one uses it', () => {
  expect(run()).toMatchObject({ stdout: 'one program.cjs', verdict: 'none' });
  expect(statSync(cacheFile()).mode & 0o777).toBe(0o600);
  expect(run()).toMatchObject({ stdout: 'one program.cjs', verdict: 'used' });
  expect(run('images')).toMatchObject({ stdout: 'one program.cjs', verdict: 'used' });
});

test('two installations in one home keep a compiled program each', () => {
  const other = join(dir, 'other.cjs');
  writeFileSync(other, programSaying('two'));
  run();
  expect(run('build', 'b', cacheHome, other)).toMatchObject({ verdict: 'none' });
  expect(run()).toMatchObject({ stdout: 'one program.cjs', verdict: 'used' });
  expect(run('build', 'b', cacheHome, other)).toMatchObject({
    stdout: 'two other.cjs',
    verdict: 'used',
  });
});

test('what programs left that are gone does not pile up: the oldest go', () => {
  const kept = join(cacheHome, 'stagecraft');
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  const names = Array.from({ length: 9 }, (_, i) => `program-${i}-v20.0.0-x64.bin`);
  for (const [age, name] of names.entries()) {
    writeFileSync(join(kept, name), '');
    utimesSync(join(kept, name), 1000 + age, 1000 + age);
  }
  writeFileSync(join(kept, 'other'), '');
  run();
  const left = readdirSync(kept);
  expect(left).toHaveLength(9);
  expect(left).toEqual(expect.arrayContaining(['other', ...names.slice(2)]));
  expect(run()).toMatchObject({ verdict: 'used' });
});

test('a command that uses little of the program keeps nothing', () => {
  run('images');
  expect(run()).toMatchObject({ verdict: 'none' });
});

test('another program of the same length and time is compiled anew', () => {
  run();
  const { atime, mtime } = statSync(program);
  writeFileSync(program, programSaying('two'));
  utimesSync(program, atime, mtime);
  expect(run('build', 'b')).toMatchObject({ stdout: 'two program.cjs', verdict: 'none' });
  expect(run('build', 'b')).toMatchObject({ stdout: 'two program.cjs', verdict: 'used' });
});

test('a program that was edited by hand is compiled anew', () => {
  run();
  writeFileSync(program, programSaying('two'));
  utimesSync(program, 1, 1);
  expect(run()).toMatchObject({ stdout: 'two program.cjs', verdict: 'none' });
});

test('a damaged cache is replaced', () => {
  run();
  const bytes = readFileSync(cacheFile());
  bytes.fill(0, 0, 64);
  writeFileSync(cacheFile(), bytes);
  expect(run()).toMatchObject({ stdout: 'one program.cjs', verdict: 'rejected' });
  expect(run()).toMatchObject({ verdict: 'used' });
});

test('a cache that others could have written is not used', () => {
  run();
  chmodSync(cacheFile(), 0o666);
  expect(run('images')).toMatchObject({ stdout: 'one program.cjs', verdict: 'none' });
});

test.skipIf(process.getuid?.() !== 0)('a cache of another user is not used', () => {
  run();
  chownSync(cacheFile(), 12345, 12345);
  expect(run('images')).toMatchObject({ stdout: 'one program.cjs', verdict: 'none' });
});

test.each([
  ['there is no home directory', () => null],
  ['the home directory does not exist', () => join(dir, 'nobody/.cache')],
  ['a file stands in its place', () => program],
  ['the path is relative', () => 'cache'],
])('runs the program and keeps nothing when %s', (_, home) => {
  mkdirSync(join(dir, 'empty'));
  expect(run('build', 'a', home())).toMatchObject({ stdout: 'one program.cjs', verdict: 'none' });
  expect(readdirSync(dir).sort()).toEqual(['empty', 'program.cjs']);
});
