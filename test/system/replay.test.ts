import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
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
import { buildAs, BUILDERS } from '../support/build-as.ts';
import type { CommandOptions, CommandResult } from '../support/cli.ts';
import { pushLayout } from '../support/push-layout.ts';
import { startRegistry } from '../support/registry-server.ts';
import { recipeFor } from '../bases/base-images.ts';
import { ensureBase } from '../bases/make-base.ts';

/*
 * A build that took everything from the cache leaves a trace (src/replay/), and the same command is then
 * answered from it. It must never be so when the build itself would have said anything else.
 */

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig({ env: { FROM_ENV: 'one', TOKEN: 'very-secret-token' } });
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

type Run = (words: readonly string[], options?: CommandOptions) => Promise<CommandResult>;

const runInRig: Run = (words, options) => rig.run(words, options);

/** Where traces are. */
const tracesDirectory = (): string => join(rig.dir, 'home/.cache/stagecraft');

/** The traces that there are, by path, with what tells one from its successor. */
function traces(): Readonly<Record<string, number>> {
  const directory = tracesDirectory();
  if (!existsSync(directory)) return {};
  const names = readdirSync(directory).filter((name) => name.startsWith('replay-'));
  return Object.fromEntries(
    names.map((name) => join(directory, name)).map((path) => [path, lstatSync(path).ino]),
  );
}

/** Builds until there is a new trace of it: files that were written a moment ago leave none. */
async function record(words: readonly string[], run: Run = runInRig): Promise<CommandResult> {
  const before = new Set(Object.values(traces()));
  for (let tries = 0; tries < 20; tries++) {
    const built = await run(['build', ...words]);
    expect(built.status, built.stderr).toBe(0);
    if (Object.values(traces()).some((ino) => !before.has(ino))) return built;
  }
  throw new Error('The build leaves no trace');
}

/** Whether a command is answered from a trace: one that is worked out again removes it, or leaves another. */
async function isReplayed(
  words: readonly string[],
  run: Run = runInRig,
): Promise<{ readonly isReplayed: boolean; readonly result: CommandResult }> {
  const before = traces();
  const result = await run(['build', ...words]);
  return { isReplayed: JSON.stringify(traces()) === JSON.stringify(before), result };
}

/** What a command did, without how long it took. */
function untimed({ stderr, ...result }: CommandResult): CommandResult {
  return { ...result, stderr: stderr.replace(/"at":\d+|\d+\.\d+s/g, 'TIME') };
}

async function expectReplayed(
  recorded: CommandResult,
  words: readonly string[],
  run?: Run,
): Promise<void> {
  const { isReplayed: wasReplayed, result } = await isReplayed(words, run);
  expect(wasReplayed).toBe(true);
  expect(untimed(result)).toEqual(untimed(recorded));
}

const DOCKERFILE = `FROM busybox AS build
ARG FROM_ENV
RUN echo "$FROM_ENV" > /made
COPY src /src
COPY package.json* /
FROM busybox
COPY --from=build /src /src
COPY --from=build /made /
`;

function context(): string {
  return rig.context({
    Dockerfile: DOCKERFILE,
    'src/a': 'first a',
    'src/sub/b': 'first b',
    'docs/readme': 'not copied',
  });
}

describe('the same command again', () => {
  test('says the same as the build before it, and is listed as a build of its own', async () => {
    const words = ['--build-arg', 'FROM_ENV', '-t', 'again', context()];
    const recorded = await record(words);
    const count = async (): Promise<number> =>
      (JSON.parse((await rig.run(['builds', '--format', 'json'])).stdout) as unknown[]).length;
    const before = await count();
    const again = await isReplayed(words);
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
    const where = context();
    for (const flags of [['-q'], ['--progress=json'], ['--progress=none']]) {
      const words = [...flags, '-t', 'ways', where];
      const recorded = await record(words);
      const { isReplayed: wasReplayed, result } = await isReplayed(words);
      expect(wasReplayed, flags.join()).toBe(true);
      expect(untimed(result)).toEqual(untimed(recorded));
    }
  });

  test('is answered also where directories are listed all at once, and have odd names', async () => {
    const files = Array.from({ length: 1200 }, (_, i) => [`many/${String(i)}`, ''] as const);
    const Dockerfile = 'FROM scratch\nCOPY many /many\n';
    const where = rig.context({ Dockerfile, ...Object.fromEntries(files) });
    writeFileSync(Buffer.from(`${where}/many/\xff\xfe`, 'latin1'), 'not UTF-8');
    const recorded = await record(['-t', 'many', where]);
    await expectReplayed(recorded, ['-t', 'many', where]);
    writeFileSync(Buffer.from(`${where}/many/\xff\xfe`, 'latin1'), 'other');
    const changed = await rig.run(['build', '-t', 'many', where]);
    expect(changed.stderr).toMatch(/COPY many \/many\n#\d+ not cached: /);
  });

  test('repeats what the checks have found', async () => {
    const where = rig.context({ Dockerfile: 'FROM busybox\nENV A 1\nCMD echo $A\n' });
    const recorded = await record(['-t', 'checked', where]);
    expect(recorded.stderr).toContain('LegacyKeyValueFormat');
    await expectReplayed(recorded, ['-t', 'checked', where]);
  });

  test.each(BUILDERS)('is answered for %s', async (who) => {
    await using own = await openBaseRig();
    const shared = rig;
    rig = own;
    try {
      using user = buildAs(who, own);
      const where = own.context({ Dockerfile: 'FROM busybox\nRUN echo made > /out\n' });
      const run: Run = (words, options) => user.run(words, options);
      const recorded = await record(['-t', 'user', where], run);
      await expectReplayed(recorded, ['-t', 'user', where], run);
    } finally {
      rig = shared;
    }
  });

  test('keeps nothing of the environment that could be read', async () => {
    const words = ['-t', 'secretive', context()];
    await record(words);
    for (const path of Object.keys(traces())) {
      expect(lstatSync(path).mode & 0o777).toBe(0o600);
      expect(readFileSync(path, 'utf8')).not.toContain('very-secret-token');
    }
  });
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
    const where = context();
    await record(['-t', 'elsewhere', where]);
    change(where);
    expect(await isReplayed(['-t', 'elsewhere', where])).toMatchObject({
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
    change: (where) => writeFileSync(join(where, 'Dockerfile'), `${DOCKERFILE}RUN true\n`),
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
    const where = context();
    const words = ['-t', 'changes', where];
    await record(words);
    await row.change(where);
    const asked = [...(row.words ?? []), ...words];
    const before = traces();
    const result = await rig.run(['build', ...asked], row.options);
    expect(result.status, result.stderr).toBe(row.status ?? 0);
    expect(result.stderr).toMatch(row.says);
    // Whoever is asked once more with nothing changed is told the same image.
    const isSameCommand = row.words === undefined && row.options === undefined;
    if (isSameCommand) expect(traces()).not.toEqual(before);
    const id = /sha256:[0-9a-f]{64}, [^\n]*\n$/.exec(result.stderr)?.[0];
    const elsewhere = { env: { ...row.options?.env, XDG_CACHE_HOME: join(rig.dir, 'no-cache') } };
    const words2 = asked.filter((word) => word !== '--no-cache');
    const untraced = await rig.run(['build', ...words2], elsewhere);
    expect(untraced.stderr).toContain(id);
    rmSync(join(rig.dir, 'home/.docker'), { recursive: true, force: true });
  });

  test('the path of the context leads elsewhere', async () => {
    const [one, two] = [context(), context()];
    writeFileSync(join(two, 'src/a'), 'a of the second');
    const link = join(rig.dir, 'current');
    symlinkSync(one, link);
    await record(['-t', 'linked', link]);
    rmSync(link);
    symlinkSync(two, link);
    const { isReplayed: wasReplayed, result } = await isReplayed(['-t', 'linked', link]);
    expect(wasReplayed).toBe(false);
    expect(result.stderr).toMatch(NOT_CACHED);
  });

  test('others may write its trace', async () => {
    const words = ['-t', 'writable', context()];
    await record(words);
    for (const path of Object.keys(traces())) chmodSync(path, 0o666);
    const { isReplayed: wasReplayed, result } = await isReplayed(words);
    expect(wasReplayed).toBe(false);
    expect(result.status).toBe(0);
  });

  test('its trace is damaged', async () => {
    const words = ['-t', 'damaged', context()];
    const recorded = await record(words);
    for (const path of Object.keys(traces())) {
      writeFileSync(path, readFileSync(path).subarray(0, 1000));
    }
    const result = await rig.run(['build', ...words]);
    expect(untimed(result)).toEqual(untimed(recorded));
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
    const recorded = await record(words);
    await expectReplayed(recorded, words);
    await pushLayout(alpine ?? '', server.url, 'moving', '1');
    const { isReplayed: wasReplayed, result } = await isReplayed(words);
    expect(wasReplayed).toBe(false);
    expect(result.stderr).toMatch(/RUN echo on > \/top\n#\d+ not cached: /);
  });

  test('and one that is gone is an error', async () => {
    const server = await startRegistry();
    const layout = await ensureBase(recipeFor('busybox:latest'), () => undefined);
    await pushLayout(layout, server.url, 'gone', '1');
    const where = rig.context({ Dockerfile: `FROM ${server.host}/gone:1\nRUN echo on > /top\n` });
    await record(['-t', 'gone', where]).finally(() => server[Symbol.asyncDispose]());
    const result = await rig.run(['build', '-t', 'gone', where]);
    expect(result).toMatchObject({ status: 5, stdout: '' });
    expect(result.stderr).toContain('REGISTRY_UNREACHABLE');
  });
});

test('builds that leave more than an image in the store are always worked out', async () => {
  const where = context();
  const before = traces();
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
  expect(traces()).toEqual(before);
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
  const where = context();
  const words = ['-t', 'traced', where];
  for (const path of Object.keys(traces())) rmSync(path);
  await record(words);
  const [trace = ''] = Object.keys(traces());
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
