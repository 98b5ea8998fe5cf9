import { chmodSync, chownSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandOptions, CommandResult } from '../support/cli.ts';
import { installProgram } from '../support/installed-program.ts';
import { makeOrdinaryUser } from '../support/ordinary-user.ts';
import { PROGRAM } from '../support/program.ts';

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** `build --verify` of a Dockerfile. */
function verify(dockerfile: string, ...flags: string[]): Promise<CommandResult> {
  const context = rig.context({ Dockerfile: dockerfile });
  return rig.run(['build', '--verify', '--progress=plain', ...flags, context]);
}

describe('build --verify', () => {
  test('says that both builds gave the same, writes the image, and keeps nothing of the second', async () => {
    const flags = ['--reproducible', '-t', 'verified'];
    const { status, stderr } = await verify(
      `FROM busybox AS builder
RUN --mount=type=cache,target=/c cp /c/* / || date > /c/now; date > /when; umask > /umask
RUN echo one > /one && mkdir -m 750 /dir && ln /one /dir/two
FROM busybox
COPY --from=builder /one /dir /app/
`,
      ...flags,
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/both builds gave the same/);
    expect((await rig.run(['images', '-q', 'verified'])).stdout).toMatch(
      /^sha256|^[0-9a-f]{12}\n$/,
    );
    expect(readdirSync(join(rig.root, 'tmp'))).toEqual([]);
    const before = readdirSync(join(rig.root, 'snapshots')).length;
    expect((await verify('FROM busybox\nRUN echo a > /a\n', '--reproducible')).status).toBe(0);
    // One step more; what the second build made of it is gone.
    expect(readdirSync(join(rig.root, 'snapshots')).length).toBe(before + 1);
  });

  test('names the file, what differs in it and the step that wrote it, through another stage', async () => {
    const { status, stderr } = await verify(
      `FROM busybox AS builder
RUN echo log > /log
RUN printf 'built by '; printf 'built by ' > /out && head -c 8 /dev/urandom | md5sum >> /out
FROM busybox
COPY --from=builder /out /app/renamed
`,
      ...['--reproducible', '-t', 'random'],
    );
    expect(status, stderr).toBe(7);
    expect(stderr).toMatch(
      /error\[NOT_REPRODUCIBLE\]: Cannot reproduce the image: two builds differ, first in "app\/renamed": content from byte (?:9|1\d) on, "[0-9a-f -]+" and "[0-9a-f -]+", made by "\[builder 3\/3\] RUN printf [^]*\n {2}--> [^\n]*Dockerfile:3:1\n/,
    );
    // Not proved, so not written.
    expect((await rig.run(['images', '-q', 'random'])).stdout).toBe('');
  });

  test.each([
    ['mode', 'chmod 600', 'chmod 644', '"f": mode "0600" and "0644"'],
    ['owner', 'chown 3', 'chown 4', '"f": owner "3:0" and "4:0"'],
    ['type', 'rm /f; mkfifo', 'rm /f; mkdir', '"f": type "fifo" and "directory"'],
    [
      'time',
      'touch -d @7',
      'touch -d @8',
      '"f": time "1970-01-01T00:00:07Z" and "1970-01-01T00:00:08Z"',
    ],
    ['target', 'rm /f; ln -s one', 'rm /f; ln -s two', '"f": target "one" and "two"'],
  ])(
    'tells of another %s, here from a cache that only the first finds',
    async (_aspect, first, second, words) => {
      const mount = '--mount=type=cache,target=/c,id=verify';
      const primed = rig.context({ Dockerfile: `FROM busybox\nRUN ${mount} touch /c/primed\n` });
      expect((await rig.run(['build', primed])).status).toBe(0);
      const script = `touch -d @1 /f; if test -e /c/primed; then ${first} /f; else ${second} /f; fi`;
      const dockerfile = `FROM busybox\nRUN ${mount} ${script}\n`;
      const { status, stderr } = await verify(dockerfile, '--reproducible');
      expect(status, stderr).toBe(7);
      expect(stderr).toContain(words);
    },
  );

  test('without a fixed time, says that only times differ, and what to add', async () => {
    const { status, stderr } = await verify('FROM busybox\nRUN echo a > /a\n');
    expect(status, stderr).toBe(7);
    expect(stderr).toMatch(/two builds differ in times alone, first /);
    expect(stderr).toContain('hint: Add --reproducible, with which no time in the image is later');
  });

  test('is an event for programs', async () => {
    const context = rig.context({
      Dockerfile: 'FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /id\n',
    });
    const words = ['build', '--verify', '--reproducible', '--progress=json', context];
    const { status, stderr } = await rig.run(words);
    expect(status).toBe(7);
    const events = stderr.split('\n').filter((line) => line.startsWith('{'));
    const compared = events
      .map((line) => JSON.parse(line) as { type: string })
      .find(({ type }) => type === 'builds-compared');
    expect(compared).toMatchObject({
      type: 'builds-compared',
      difference: {
        platform: expect.stringMatching(/^linux\//) as string,
        path: 'id',
        difference: { aspect: 'content', offset: expect.any(Number) as number },
        step: '[2/2] RUN cat /proc/sys/kernel/random/uuid > /id',
        place: { line: 2 },
        others: 0,
        isTimeOnly: false,
      },
    });
  });
});

/** Every kind of file that a step can leave, in an order that no directory has to keep. */
const DOCKERFILE = `FROM busybox AS builder
WORKDIR /work
COPY . .
RUN mkdir -m 2775 shared && for i in 9 3 7 1; do echo $i > shared/$i; done && rm shared/7
RUN ln shared/1 shared/one && ln -s /nowhere link && mkfifo -m 640 pipe && chown 5:6 shared/3 && rm -rf gone
RUN date > /dev/null && touch -h link && umask > umask
FROM busybox
COPY --from=builder --chown=7:8 --chmod=750 /work /app
COPY --link src /linked/
LABEL b=2 a=1
ENV LANG=C
`;

describe.runIf(process.getuid?.() === 0)('The same input gives the same digest', () => {
  /** A directory with the same files, whatever else there is about it. */
  function contextWith(mtime: number, umask: number): string {
    const before = process.umask(umask);
    try {
      const files = {
        Dockerfile: DOCKERFILE,
        'src/b': 'b',
        'src/a/c': 'c',
        'gone/x': 'x',
        'ü ñ': 'name',
      };
      const names = Object.entries(files);
      const context = rig.context(Object.fromEntries(mtime % 2 === 0 ? names : names.reverse()));
      for (const dir of ['src', 'src/a', 'gone']) chmodSync(join(context, dir), 0o755);
      for (const [name] of names) utimesSync(join(context, name), mtime, mtime);
      return context;
    } finally {
      process.umask(before);
    }
  }

  /** The image id, by a store of its own. `before` starts the program. */
  async function built(
    name: string,
    words: readonly string[],
    before: readonly string[] = [],
    options: CommandOptions = {},
  ): Promise<string> {
    const context = contextWith(1_700_000_000 + name.length, 0o022);
    const root = join(rig.dir, name);
    const flags = ['build', '-q', '--reproducible', '--root', root, ...words, context];
    const [first = '', ...rest] = [...before, ...flags];
    const { status, stdout, stderr } =
      before.length === 0
        ? await rig.run(flags, options)
        : await rig.run(rest, { ...options, program: first });
    expect(status, stderr).toBe(0);
    return stdout;
  }

  test('for root and others, in any locale, time zone and directory, with any umask and store', async () => {
    using user = makeOrdinaryUser(join(rig.dir, 'home'));
    const theirs = join(rig.dir, 'theirs');
    mkdirSync(theirs);
    chownSync(theirs, user.uid, user.uid);
    const program = installProgram(join(rig.dir, 'installed'));
    const withUmask = (umask: string): string[] => [
      'sh',
      '-c',
      `umask ${umask}; exec "$@"`,
      'sh',
      PROGRAM,
    ];
    const locale = { LANG: 'tr_TR.UTF-8', LC_ALL: 'C', TZ: 'Pacific/Kiritimati', HOME: theirs };
    const ids = {
      plain: await built('plain', []),
      copies: await built('copies', ['--snapshotter', 'copy']),
      oneByOne: await built('one-by-one', ['--jobs', '1', '--isolation', 'oci']),
      elsewhere: await built('elsewhere', [], [], { cwd: '/', env: locale }),
      strict: await built('strict', [], withUmask('077')),
      loose: await built('loose', [], withUmask('0')),
      theirs: await built('theirs/store', [], [...user.prefix, program]),
      theirCopies: await built(
        'theirs/copies',
        ['--snapshotter', 'copy'],
        [...user.prefix, program],
      ),
    };
    expect([...new Set(Object.values(ids))], JSON.stringify(ids)).toHaveLength(1);
  });
});
