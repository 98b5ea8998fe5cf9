import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import { canRunWithoutHardLinks, programWithoutHardLinks } from '../support/without-hard-links.ts';

const isRoot = process.getuid?.() === 0;

let rig: BaseRig;
/** Apart from the rig: other processes of this machine may keep copies of mounts for a while. */
let places: string;
const mounts: string[] = [];

beforeAll(async () => {
  rig = await openBaseRig();
  places = mkdtempSync(join(tmpdir(), 'places-'));
});

afterAll(async () => {
  try {
    await rig[Symbol.asyncDispose]();
  } finally {
    for (const path of mounts.reverse()) execFileSync('umount', ['--lazy', path]);
    rmSync(places, { recursive: true, force: true });
  }
});

/** A directory of its own with something mounted on it until the end. */
function mountAt(name: string, ...words: string[]): string {
  return mountWith('mount', name, ...words);
}

function mountWith(program: string, name: string, ...words: string[]): string {
  const path = join(places, name);
  mkdirSync(path, { mode: 0o700 });
  // fuse-overlayfs warns of options that it does not know.
  execFileSync(program, [...words, path], { stdio: ['ignore', 'ignore', 'pipe'] });
  mounts.push(path);
  return path;
}

function overlayAt(name: string, program: 'mount' | 'fuse-overlayfs' = 'mount'): string {
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((part) => {
    const path = join(places, `${name}-${part}`);
    mkdirSync(path, { mode: 0o700 });
    return path;
  });
  const options = `lowerdir=${lower ?? ''},upperdir=${upper ?? ''},workdir=${work ?? ''}`;
  return program === 'mount'
    ? mountAt(name, '-t', 'overlay', '-o', options, 'overlay')
    : mountWith(program, name, '-o', options);
}

/** ext4 whose listings do not say what a name is. */
function untypedAt(name: string): string {
  const image = join(places, `${name}.img`);
  execFileSync('truncate', ['-s', '100M', image]);
  execFileSync('mkfs.ext4', ['-q', '-O', '^filetype', image]);
  const disk = mountAt(name, '-o', 'loop', image);
  const path = join(disk, 'store');
  mkdirSync(path, { mode: 0o700 });
  return path;
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status !== null;
}

/** Everything that a step can do to files of layers below. */
const DOCKERFILE = `FROM busybox AS build
RUN mkdir -p /d/e /keep/deep && echo one > /d/e/f && echo a > /keep/deep/a && ln /keep/deep/a /keep/b && mknod /pipe p
RUN rm -rf /d && mkdir /d && echo two > /d/g && rm /keep/b && chmod 700 /keep/deep && mv /keep /moved
COPY Dockerfile /d/
COPY src /d/src
RUN rm /d/Dockerfile && touch /d/h && chown 3:4 /d/h && ln -s h /d/link
FROM busybox
COPY --from=build / /
RUN echo last > /last
`;
/** The name with an accent is one that Node does not find where listings have no types. */
const FILES = { Dockerfile: DOCKERFILE, 'src/caf\u00e9/na\u00efve': 'x' };
const QUIET = ['build', '-q', '--no-cache'] as const;
const REPRODUCIBLE = { env: { SOURCE_DATE_EPOCH: '1' } };

/** File systems that carry no overlay, and what is said of them. */
const BARE = [
  { on: 'overlayfs', needs: 'mount', reason: 'EINVAL', place: () => overlayAt('nested') },
  {
    on: 'fuse-overlayfs, as the root of a container',
    needs: 'fuse-overlayfs',
    reason: 'EINVAL',
    place: () => overlayAt('nested-in-fuse', 'fuse-overlayfs'),
  },
  {
    on: 'ext4 without types in listings',
    needs: 'mkfs.ext4',
    reason: 'the file system does not list types of files',
    place: () => untypedAt('untyped'),
  },
] as const;

describe.runIf(isRoot)('a store on a file system that carries no overlay', () => {
  test.each(BARE.filter(({ needs }) => isInstalled(needs)))(
    'on $on copies files for each step, says so once, and makes the same image',
    async ({ reason, place }) => {
      const context = rig.context(FILES);
      const usual = await rig.run([...QUIET, context], REPRODUCIBLE);
      expect(usual.status, usual.stderr).toBe(0);

      const store = place();
      const copied = await rig.run([...QUIET, '--root', store, context], REPRODUCIBLE);
      expect(copied.status, copied.stderr).toBe(0);
      expect(copied.stdout).toBe(usual.stdout);

      const loud = await rig.run(['build', '--no-cache', '--root', store, context]);
      expect(loud.stderr.match(/Files are copied for each step/g)).toHaveLength(1);
      const { stdout } = await rig.run(['info', '--root', store]);
      expect(stdout).toMatch(/Snapshots: +copies of files: overlayfs cannot be mounted \(/);
      expect(stdout).toContain(reason);
      expect(readdirSync(join(store, 'snapshots', 'active'))).toEqual([]);
      expect((await rig.run(['prune', '-af', '--root', store])).status).toBe(0);
    },
  );

  test('the same can be asked for where an overlay could be mounted, and forbidden where not', async () => {
    const context = rig.context(FILES);
    const usual = await rig.run([...QUIET, context], REPRODUCIBLE);
    const copied = await rig.run([...QUIET, '--snapshotter=copy', context], REPRODUCIBLE);
    expect(copied.stdout).toBe(usual.stdout);
    const forbidden = await rig.run([
      'build',
      '--no-cache',
      '--snapshotter=overlay',
      '--root',
      join(places, 'nested'),
      context,
    ]);
    expect(forbidden.status).toBe(6);
    expect(forbidden.stderr).toMatch(
      /error\[OVERLAY_UNAVAILABLE\]: Cannot show files to a step with overlayfs: .+\n[^]*hint: Leave out --snapshotter=overlay, or put the store on another file system with --root/,
    );
  });
});

describe.runIf(isRoot && isInstalled('bindfs'))('a store on a file system', () => {
  test.each([
    ['owners', '--chown-ignore', 'does not keep owners of files'],
    ['permissions', '--chmod-ignore', 'does not keep permissions of files'],
  ])('without %s is refused before anything runs', async (lacks, flag, reason) => {
    const below = join(places, `below-${lacks}`);
    mkdirSync(below, { mode: 0o700 });
    const store = mountWith('bindfs', `without-${lacks}`, flag, below);
    for (let i = 0; i < 2; i++) {
      const { status, stderr } = await rig.run(['build', '--root', store, rig.context(FILES)]);
      expect(status).toBe(6);
      expect(stderr).toBe(
        `error[STORE_UNUSABLE]: Cannot use the store "${store}": its file system ${reason}\n  hint: Put the store on another file system, with --root or STAGECRAFT_ROOT\n`,
      );
      expect(readdirSync(below)).toEqual([]);
    }
  });
});

test.runIf(isRoot && isInstalled('mkfs.ext4'))(
  'A context whose listings have no types gives the same image, also where its ignore file wants types',
  async () => {
    const context = rig.context({ ...FILES, '.dockerignore': 'other\n!other/caf\u00e9/a\n' });
    mkdirSync(join(context, 'other/caf\u00e9'), { recursive: true });
    writeFileSync(join(context, 'other/caf\u00e9/a'), 'x');
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY . /\n');
    const place = untypedAt('untyped-context');
    cpSync(context, place, { recursive: true, preserveTimestamps: true });
    const usual = await rig.run([...QUIET, context], REPRODUCIBLE);
    expect(usual.status, usual.stderr).toBe(0);
    const untyped = await rig.run([...QUIET, place], REPRODUCIBLE);
    expect(untyped, untyped.stderr).toEqual(usual);
  },
);

describe.runIf(isRoot && canRunWithoutHardLinks())('a store without hard links', () => {
  test.each(['EPERM', 'EOPNOTSUPP'] as const)(
    'copies between stages, makes the same image, and refuses what has to be linked (%s)',
    async (error) => {
      const program = programWithoutHardLinks(places, error);
      const store = mountAt(`links-${error}`, '-t', 'tmpfs', '-o', 'mode=700', 'tmpfs');
      const build = (context: string): ReturnType<BaseRig['run']> =>
        rig.run([...QUIET, '--root', store, context], { ...REPRODUCIBLE, program });

      const context = rig.context({
        Dockerfile: `FROM busybox AS build
RUN mkdir /d && echo one > /d/one && echo two > /d/two && chmod 600 /d/two
FROM busybox
COPY --from=build /d /d
COPY --from=build --chmod=644 /d /e
COPY Dockerfile /e/
RUN test "$(cat /d/one /e/two)" = "$(printf 'one\\ntwo')"
`,
      });
      const usual = await rig.run([...QUIET, context], REPRODUCIBLE);
      const copied = await build(context);
      expect(copied.status, copied.stderr).toBe(0);
      expect(copied.stdout).toBe(usual.stdout);

      const pair = rig.context({ Dockerfile: 'FROM scratch\nCOPY d /d\n', 'd/one': 'x' });
      linkSync(join(pair, 'd/one'), join(pair, 'd/two'));
      const refused = await build(pair);
      expect(refused.status).toBe(6);
      expect(refused.stderr)
        .toContain(`error[HARD_LINKS_UNSUPPORTED]: Cannot create "/d/two": it is another name of a file, and the file system of the store has no hard links
  --> Dockerfile:2:1
    |
  2 | COPY d /d
    | ^^^^^^^^^
  hint: Put the store on another file system, with --root or STAGECRAFT_ROOT
`);
      expect(readdirSync(join(store, 'snapshots', 'active'))).toEqual([]);
      const again = await build(context);
      expect(again.stdout).toBe(usual.stdout);
    },
  );
});
