import { lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import { buildAs, BUILDERS } from '../support/build-as.ts';
import type { CommandResult } from '../support/cli.ts';
import { pushLayout } from '../support/push-layout.ts';
import { startRegistry } from '../support/registry-server.ts';
import { tracedContext, tracesOf, untimed, type Traces } from '../support/traces.ts';
import { recipeFor } from '../bases/base-images.ts';
import { ensureBase } from '../bases/make-base.ts';

/*
 * A build that took everything from the cache leaves a trace (src/replay/), and the same command is then
 * answered from it. It must never be so when the build itself would have said anything else.
 */

let rig: BaseRig;
let traces: Traces;

beforeAll(async () => {
  rig = await openBaseRig({ env: { FROM_ENV: 'one', TOKEN: 'very-secret-token' } });
  traces = tracesOf(rig);
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

async function expectReplayed(recorded: CommandResult, words: readonly string[]): Promise<void> {
  const { isReplayed, result } = await traces.again(words);
  expect(isReplayed).toBe(true);
  expect(untimed(result)).toEqual(untimed(recorded));
}

describe('the same command again', () => {
  test('says the same as the build before it, and is listed as a build of its own', async () => {
    const words = ['--build-arg', 'FROM_ENV', '-t', 'again', tracedContext(rig)];
    const recorded = await traces.record(words);
    const count = async (): Promise<number> =>
      (JSON.parse((await rig.run(['builds', '--format', 'json'])).stdout) as unknown[]).length;
    const before = await count();
    const again = await traces.again(words);
    expect(again.isReplayed).toBe(true);
    expect(untimed(again.result)).toEqual(untimed(recorded));
    expect(recorded.stderr).toContain('CACHED');
    expect(await count()).toBe(before + 1);
    const explained = await rig.run(['explain']);
    expect(explained.stdout).toMatch(
      /: done, [^]*\n {2}cached {2}\[stage-1 2\/3\] COPY --from=build/,
    );
  });

  test('says it in the way that is asked for', async () => {
    const where = tracedContext(rig);
    for (const flags of [['-q'], ['--progress=json'], ['--progress=none']]) {
      const words = [...flags, '-t', 'ways', where];
      const recorded = await traces.record(words);
      const { isReplayed, result } = await traces.again(words);
      expect(isReplayed, flags.join()).toBe(true);
      expect(untimed(result)).toEqual(untimed(recorded));
    }
  });

  test('is answered also where directories are listed all at once, and have odd names', async () => {
    const files = Array.from({ length: 1200 }, (_, i) => [`many/${String(i)}`, ''] as const);
    const Dockerfile = 'FROM scratch\nCOPY many /many\n';
    const where = rig.context({ Dockerfile, ...Object.fromEntries(files) });
    writeFileSync(Buffer.from(`${where}/many/\xff\xfe`, 'latin1'), 'not UTF-8');
    const recorded = await traces.record(['-t', 'many', where]);
    await expectReplayed(recorded, ['-t', 'many', where]);
    writeFileSync(Buffer.from(`${where}/many/\xff\xfe`, 'latin1'), 'other');
    const changed = await rig.run(['build', '-t', 'many', where]);
    expect(changed.stderr).toMatch(/COPY many \/many\n#\d+ not cached: /);
  });

  test('repeats what the checks have found', async () => {
    const where = rig.context({ Dockerfile: 'FROM busybox\nENV A 1\nCMD echo $A\n' });
    const recorded = await traces.record(['-t', 'checked', where]);
    expect(recorded.stderr).toContain('LegacyKeyValueFormat');
    await expectReplayed(recorded, ['-t', 'checked', where]);
  });

  test.each(BUILDERS)('is answered for %s', async (who) => {
    await using own = await openBaseRig();
    using user = buildAs(who, own);
    const traces = tracesOf(own, (words, options) => user.run(words, options));
    const where = own.context({ Dockerfile: 'FROM busybox\nRUN echo made > /out\n' });
    const recorded = await traces.record(['-t', 'user', where]);
    const { isReplayed, result } = await traces.again(['-t', 'user', where]);
    expect(isReplayed).toBe(true);
    expect(untimed(result)).toEqual(untimed(recorded));
  });

  test('keeps nothing of the environment that could be read', async () => {
    const words = ['-t', 'secretive', tracedContext(rig)];
    await traces.record(words);
    for (const path of Object.keys(traces.all())) {
      expect(lstatSync(path).mode & 0o777).toBe(0o600);
      expect(readFileSync(path, 'utf8')).not.toContain('very-secret-token');
    }
  });
});

describe('registries are asked each time', () => {
  test('for tags, and another image is seen', async () => {
    await using server = await startRegistry();
    const [busybox, alpine] = await Promise.all(
      ['busybox:latest', 'alpine:latest'].map((name) =>
        ensureBase(recipeFor(name), () => undefined),
      ),
    );
    await pushLayout(busybox ?? '', server.url, 'moving', '1');
    const where = rig.context({ Dockerfile: `FROM ${server.host}/moving:1\nRUN echo on > /top\n` });
    const words = ['-t', 'moved', where];
    const recorded = await traces.record(words);
    await expectReplayed(recorded, words);
    await pushLayout(alpine ?? '', server.url, 'moving', '1');
    const { isReplayed, result } = await traces.again(words);
    expect(isReplayed).toBe(false);
    expect(result.stderr).toMatch(/RUN echo on > \/top\n#\d+ not cached: /);
  });

  test('and one that is gone is an error', async () => {
    const server = await startRegistry();
    const layout = await ensureBase(recipeFor('busybox:latest'), () => undefined);
    await pushLayout(layout, server.url, 'gone', '1');
    const where = rig.context({ Dockerfile: `FROM ${server.host}/gone:1\nRUN echo on > /top\n` });
    await traces.record(['-t', 'gone', where]).finally(() => server[Symbol.asyncDispose]());
    const result = await rig.run(['build', '-t', 'gone', where]);
    expect(result).toMatchObject({ status: 5, stdout: '' });
    expect(result.stderr).toContain('REGISTRY_UNREACHABLE');
  });
});

test('builds that leave more than an image in the store are always worked out', async () => {
  const where = tracedContext(rig);
  const before = traces.all();
  const more = [
    ['--iidfile', join(rig.dir, 'iid')],
    ['--metadata-file', join(rig.dir, 'metadata')],
    ['-o', `type=local,dest=${join(rig.dir, 'out')}`],
    ['--no-cache-filter', 'build'],
    ['--build-context', `other=${where}`],
    ['--secret', `id=x,src=${join(where, 'src/a')}`],
    ['--cache-to', `type=local,dest=${join(rig.dir, 'cache')}`],
    ['--source-date-epoch', 'context'],
    // A warning is no event.
    ['--builder', 'x'],
  ];
  for (const flags of more) {
    for (let run = 0; run < 3; run++) {
      const built = await rig.run(['build', ...flags, where]);
      expect(built.status, `${flags.join(' ')}\n${built.stderr}`).toBe(0);
    }
  }
  expect(traces.all()).toEqual(before);
});

/** Loaded before the program: notes what it asks of the file system by name. */
const NOTES_PATHS = `
const fs = require('node:fs');
const asked = new Set();
for (const name of ['openSync', 'readFileSync', 'readdirSync', 'statSync', 'lstatSync', 'existsSync']) {
  const call = fs[name];
  fs[name] = (path, ...rest) => {
    if (typeof path === 'string') asked.add(path);
    return call(path, ...rest);
  };
}
process.on('exit', () => fs.writeFileSync(process.env.ASKED, JSON.stringify([...asked])));
`;

test('a trace knows all that the build looks at outside of the store', async () => {
  const where = tracedContext(rig);
  const words = ['-t', 'traced', where];
  for (const path of Object.keys(traces.all())) rmSync(path);
  await traces.record(words);
  const [trace = ''] = Object.keys(traces.all());
  const { paths } = JSON.parse(readFileSync(trace, 'utf8')) as { paths: string[][] };
  const known = new Set(paths.map(([, path = '']) => path));
  rmSync(trace);

  const hook = join(rig.dir, 'hook.cjs');
  const output = join(rig.dir, 'asked.json');
  writeFileSync(hook, NOTES_PATHS);
  const env = { NODE_OPTIONS: `--require=${hook}`, ASKED: output };
  const built = await rig.run(['build', ...words], { env });
  expect(built.status, built.stderr).toBe(0);
  const asked = JSON.parse(readFileSync(output, 'utf8')) as string[];
  const own = [rig.root, join(rig.dir, 'home/.cache'), '/proc', '/sys', '/dev'];
  const ofUsers = asked.filter((path) => own.every((each) => !`${path}/`.startsWith(`${each}/`)));
  expect(asked).toContain(join(where, 'src/a'));
  // Directories on the way to what is known, and where files that must not stay could be.
  const isOnTheWay = (path: string): boolean =>
    path === '/run' || paths.some(([, each = '']) => each.startsWith(`${path}/`));
  expect(ofUsers.filter((path) => !known.has(path) && !isOnTheWay(path))).toEqual([]);
});
