import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
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
  const path = join(places, name);
  mkdirSync(path, { mode: 0o700 });
  execFileSync('mount', [...words, path]);
  mounts.push(path);
  return path;
}

function overlayAt(name: string): string {
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((part) => {
    const path = join(places, `${name}-${part}`);
    mkdirSync(path, { mode: 0o700 });
    return path;
  });
  const options = `lowerdir=${lower ?? ''},upperdir=${upper ?? ''},workdir=${work ?? ''}`;
  return mountAt(name, '-t', 'overlay', '-o', options, 'overlay');
}

/** Everything that a step can do to files of layers below. */
const DOCKERFILE = `FROM busybox AS build
RUN mkdir -p /d/e /keep/deep && echo one > /d/e/f && echo a > /keep/deep/a && ln /keep/deep/a /keep/b && mknod /pipe p
RUN rm -rf /d && mkdir /d && echo two > /d/g && rm /keep/b && chmod 700 /keep/deep && mv /keep /moved
COPY Dockerfile /d/
RUN rm /d/Dockerfile && touch /d/h && chown 3:4 /d/h && ln -s h /d/link
FROM scratch
COPY --from=build / /
`;
const QUIET = ['build', '-q', '--no-cache'] as const;
const REPRODUCIBLE = { env: { SOURCE_DATE_EPOCH: '1' } };

describe.runIf(isRoot)('a store on a file system that carries no overlay', () => {
  test('copies files for each step, says so once, and makes the same image', async () => {
    const context = rig.context({ Dockerfile: DOCKERFILE });
    const usual = await rig.run([...QUIET, context], REPRODUCIBLE);
    expect(usual.status, usual.stderr).toBe(0);

    const store = overlayAt('nested');
    const copied = await rig.run([...QUIET, '--root', store, context], REPRODUCIBLE);
    expect(copied.status, copied.stderr).toBe(0);
    expect(copied.stdout).toBe(usual.stdout);

    const loud = await rig.run(['build', '--no-cache', '--root', store, context]);
    expect(loud.stderr.match(/Files are copied for each step/g)).toHaveLength(1);
    const { stdout } = await rig.run(['info', '--root', store]);
    expect(stdout).toMatch(/Snapshots: +copies of files: overlayfs cannot be mounted \(/);
    expect(readdirSync(join(store, 'snapshots', 'active'))).toEqual([]);
    expect((await rig.run(['prune', '-af', '--root', store])).status).toBe(0);
  });

  test('the same can be asked for where an overlay could be mounted, and forbidden where not', async () => {
    const context = rig.context({ Dockerfile: DOCKERFILE });
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
