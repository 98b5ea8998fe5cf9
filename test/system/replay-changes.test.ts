import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandOptions } from '../support/cli.ts';
import {
  TRACED_DOCKERFILE,
  tracedContext,
  tracesOf,
  untimed,
  type Traces,
} from '../support/traces.ts';

/*
 * What is changed after a build left a trace (src/replay/), one thing a test, and what the next build has to say:
 * it must never be answered from the trace when the build itself would have said anything else.
 */

let rig: BaseRig;
let traces: Traces;

beforeAll(async () => {
  rig = await openBaseRig({ env: { FROM_ENV: 'one' } });
  traces = tracesOf(rig);
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

describe('what the build has not looked at may change', () => {
  test.each<readonly [title: string, change: (where: string) => void]>([
    [
      'a file that nothing copies',
      (where) => {
        writeFileSync(join(where, 'docs/readme'), 'new');
      },
    ],
    ['a new file beside it', (where) => writeFileSync(join(where, 'docs/more'), 'new')],
    ['a new directory', (where) => mkdirSync(join(where, 'docs/sub'))],
  ])('%s', async (_, change) => {
    const where = tracedContext(rig);
    await traces.record(['-t', 'elsewhere', where]);
    change(where);
    expect(await traces.again(['-t', 'elsewhere', where])).toMatchObject({
      isReplayed: true,
      result: { status: 0 },
    });
  });
});

/** What is done after the build was recorded, and what the next one has to say. */
interface Change {
  readonly title: string;
  readonly dockerfile?: string;
  change(where: string): Promise<void> | void;
  readonly words?: readonly string[];
  readonly options?: CommandOptions;
  readonly says: RegExp;
  readonly status?: number;
}

const NOT_CACHED = /COPY src \/src\n#\d+ not cached: /;

const CHANGES: readonly Change[] = [
  {
    title: 'a file has other bytes',
    change: (where) => writeFileSync(join(where, 'src/a'), 'second'),
    says: NOT_CACHED,
  },
  {
    title: 'a file has other bytes, of the same number and time',
    change(where) {
      const { atime, mtime } = lstatSync(join(where, 'src/a'));
      writeFileSync(join(where, 'src/a'), 'other a');
      utimesSync(join(where, 'src/a'), atime, mtime);
    },
    says: NOT_CACHED,
  },
  {
    title: 'a file was replaced by an older one',
    change(where) {
      writeFileSync(join(where, 'older'), 'older a');
      utimesSync(join(where, 'older'), 1, 1);
      renameSync(join(where, 'older'), join(where, 'src/a'));
    },
    says: NOT_CACHED,
  },
  {
    title: 'a file is new',
    change: (where) => writeFileSync(join(where, 'src/sub/c'), 'c'),
    says: NOT_CACHED,
  },
  {
    title: 'a file is gone',
    change: (where) => rmSync(join(where, 'src/sub/b')),
    says: NOT_CACHED,
  },
  {
    title: 'a file has another mode',
    change: (where) => chmodSync(join(where, 'src/a'), 0o755),
    says: NOT_CACHED,
  },
  {
    title: 'a directory has another mode',
    change: (where) => chmodSync(join(where, 'src/sub'), 0o700),
    says: NOT_CACHED,
  },
  {
    title: 'a directory was replaced',
    change(where) {
      mkdirSync(join(where, 'new'));
      writeFileSync(join(where, 'new/a'), 'first a');
      renameSync(join(where, 'src'), join(where, 'old'));
      renameSync(join(where, 'new'), join(where, 'src'));
    },
    says: NOT_CACHED,
  },
  {
    title: 'a file that was looked for is there now',
    change: (where) => writeFileSync(join(where, 'package.json'), '{}'),
    says: /COPY package\.json\* \/\n#\d+ not cached: /,
  },
  {
    title: 'the Dockerfile says something else',
    change: (where) => writeFileSync(join(where, 'Dockerfile'), `${TRACED_DOCKERFILE}RUN true\n`),
    says: /RUN true\n#\d+ not cached: /,
  },
  {
    title: 'an ignore file came',
    change: (where) => writeFileSync(join(where, '.dockerignore'), 'src/a\n'),
    says: NOT_CACHED,
  },
  {
    title: 'an ignore file for this Dockerfile came',
    change: (where) => writeFileSync(join(where, 'Dockerfile.dockerignore'), 'src/*\n'),
    says: NOT_CACHED,
  },
  {
    title: 'a variable of the environment that is an argument has another value',
    change: () => undefined,
    words: ['--build-arg', 'FROM_ENV'],
    options: { env: { FROM_ENV: 'two' } },
    says: /RUN echo "two" > \/made\n#\d+ not cached: /,
  },
  {
    title: 'a configuration of Docker with a proxy came',
    change() {
      mkdirSync(join(rig.dir, 'home/.docker'), { recursive: true });
      const proxies = { default: { httpProxy: 'http://proxy.invalid:1' } };
      writeFileSync(join(rig.dir, 'home/.docker/config.json'), JSON.stringify({ proxies }));
    },
    says: /CACHED/,
  },
  {
    title: 'the name of the image was given to another',
    async change() {
      await rig.run(['tag', 'busybox-here', 'changes']);
    },
    says: /CACHED[^]*Wrote image changes/,
  },
  {
    title: 'the image is gone',
    async change() {
      expect((await rig.run(['rmi', 'changes'])).status).toBe(0);
    },
    says: /CACHED[^]*Wrote image changes/,
  },
  {
    title: 'everything that could be removed was',
    async change() {
      await rig.run(['rmi', '--force', 'changes']);
      expect((await rig.run(['prune', '--all', '--force'])).status).toBe(0);
    },
    says: NOT_CACHED,
  },
  {
    title: 'the step was run again for another image',
    async change(where) {
      const again = await rig.run(['build', '--no-cache', '-t', 'other', where]);
      expect(again.status, again.stderr).toBe(0);
    },
    says: /CACHED[^]*Wrote image changes/,
  },
  {
    title: 'the build is told not to use the cache',
    change: () => undefined,
    words: ['--no-cache'],
    says: /not cached: the cache is switched off/,
  },
];

describe('a build is worked out again when', () => {
  beforeAll(async () => {
    const where = rig.context({ Dockerfile: 'FROM busybox\nCMD ["other"]\n' });
    const built = await rig.run(['build', '-t', 'busybox-here', where]);
    expect(built.status, built.stderr).toBe(0);
  });

  test.each(CHANGES.map((row) => [row.title, row] as const))('%s', async (_, row) => {
    const where = tracedContext(rig);
    const words = ['-t', 'changes', where];
    await traces.record(words);
    await row.change(where);
    const asked = [...(row.words ?? []), ...words];
    const before = traces.all();
    const result = await rig.run(['build', ...asked], row.options);
    expect(result.status, result.stderr).toBe(row.status ?? 0);
    expect(result.stderr).toMatch(row.says);
    // Whoever is asked once more with nothing changed is told the same image.
    const isSameCommand = row.words === undefined && row.options === undefined;
    if (isSameCommand) expect(traces.all()).not.toEqual(before);
    const id = /sha256:[0-9a-f]{64}, [^\n]*\n$/.exec(result.stderr)?.[0];
    const elsewhere = { env: { ...row.options?.env, XDG_CACHE_HOME: join(rig.dir, 'no-cache') } };
    const words2 = asked.filter((word) => word !== '--no-cache');
    const untraced = await rig.run(['build', ...words2], elsewhere);
    expect(untraced.stderr).toContain(id);
    rmSync(join(rig.dir, 'home/.docker'), { recursive: true, force: true });
  });

  test('the path of the context leads elsewhere', async () => {
    const [one, two] = [tracedContext(rig), tracedContext(rig)];
    writeFileSync(join(two, 'src/a'), 'a of the second');
    const link = join(rig.dir, 'current');
    symlinkSync(one, link);
    await traces.record(['-t', 'linked', link]);
    rmSync(link);
    symlinkSync(two, link);
    const { isReplayed, result } = await traces.again(['-t', 'linked', link]);
    expect(isReplayed).toBe(false);
    expect(result.stderr).toMatch(NOT_CACHED);
  });

  test('others may write its trace', async () => {
    const words = ['-t', 'writable', tracedContext(rig)];
    await traces.record(words);
    for (const path of Object.keys(traces.all())) chmodSync(path, 0o666);
    const { isReplayed, result } = await traces.again(words);
    expect(isReplayed).toBe(false);
    expect(result.status).toBe(0);
  });

  test('its trace is damaged', async () => {
    const words = ['-t', 'damaged', tracedContext(rig)];
    const recorded = await traces.record(words);
    for (const path of Object.keys(traces.all())) {
      writeFileSync(path, readFileSync(path).subarray(0, 1000));
    }
    const result = await rig.run(['build', ...words]);
    expect(untimed(result)).toEqual(untimed(recorded));
  });
});
