import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { Rig } from '../support/cli.ts';

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

function tmpfsAt(name: string, options: string): string {
  const path = join(places, name);
  mkdirSync(path, { mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  mounts.push(path);
  return path;
}

describe.runIf(isRoot)('a disk that takes no more', () => {
  test.each([
    ['bytes', 'size=3m,mode=700', /DISK_FULL\]: Cannot write ".*": the disk is full, \d+ bytes/],
    [
      'inodes',
      'nr_inodes=150,mode=700',
      /DISK_FULL\]: Cannot write ".*": the disk has no free inodes/,
    ],
  ])(
    'without %s: the build says so, and goes through when there is room',
    async (name, options, text) => {
      const store = tmpfsAt(`full-${name}`, options);
      const big = 'x'.repeat(2_000_000);
      const files = Object.fromEntries(
        Array.from({ length: 200 }, (_, i) => [`f/${String(i)}`, 'x']),
      );
      const context = rig.context({
        Dockerfile: 'FROM scratch\nCOPY big /\nCOPY big /again\nCOPY f /f\n',
        big,
        ...files,
      });
      const full = await rig.run(['build', '--root', store, '-t', 'full', context]);
      expect(full.status, full.stderr).toBe(6);
      expect(full.stderr).toMatch(text);
      execFileSync('mount', ['-o', 'remount,size=64m,nr_inodes=10000', store]);
      const roomy = await rig.run(['build', '--root', store, '-t', 'full', context]);
      expect(roomy.status, roomy.stderr).toBe(0);
      expect(readdirSync(join(store, 'snapshots', 'active'))).toEqual([]);
    },
  );

  test('a step that the disk has no room for fails with a hint to the disk', async () => {
    const store = tmpfsAt('full-step', 'size=8m,mode=700');
    const fills = 'FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=20 && touch /done\n';
    const context = rig.context({ Dockerfile: fills });
    const full = await rig.run(['build', '--root', store, context]);
    expect(full.status, full.stderr).toBe(4);
    expect(full.stderr).toMatch(
      /error\[STEP_FAILED\][^]*hint: The disk of the store has \d+ bytes free now: free some space, for example with "stagecraft prune", or choose another disk with --root\n/,
    );
    execFileSync('mount', ['-o', 'remount,size=64m', store]);
    const roomy = await rig.run(['build', '--root', store, context]);
    expect(roomy.status, roomy.stderr).toBe(0);
  });

  test('prune works on a disk that is full to the last byte, and leaves a good store', async () => {
    const store = tmpfsAt('full-to-the-end', 'size=4m,mode=700');
    const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY f /\n', f: 'x' });
    const build = (): ReturnType<Rig['run']> =>
      rig.run(['build', '-q', '--root', store, '-t', 'app', context]);
    expect((await build()).status).toBe(0);
    const rest = join(store, 'rest');
    expect(() => {
      execFileSync('dd', ['if=/dev/zero', `of=${rest}`, 'bs=4k'], { stdio: 'ignore' });
    }).toThrow();
    writeFileSync(join(context, 'f'), 'other');
    const refused = await build();
    expect(refused.status).toBe(6);
    expect(refused.stderr).toMatch(
      /^error\[DISK_FULL\]: Cannot write "\/.*": the disk is full, 0 bytes are free/m,
    );
    const pruned = await rig.run(['prune', '-af', '--root', store]);
    expect(pruned, pruned.stderr).toMatchObject({ status: 0, stderr: '' });
    expect((await rig.run(['images', '-q', '--root', store])).stdout).toBe('');
    rmSync(rest);
    expect((await build()).status).toBe(0);
  });

  test.each([
    ['byte', 'size=4m,nr_inodes=2000,mode=700'],
    ['inode', 'size=64m,nr_inodes=400,mode=700'],
  ])(
    'without a free %s, a build whose steps are all cached goes through, and what it needs stays',
    async (name, options) => {
      const store = tmpfsAt(`cached-${name}`, options);
      const context = rig.context({
        Dockerfile: 'FROM scratch AS a\nCOPY f /\nFROM scratch\nCOPY --from=a /f /g\nWORKDIR /w\n',
        f: 'x',
      });
      const build = (...tags: string[]): ReturnType<Rig['run']> => {
        const names = tags.flatMap((tag) => ['-t', tag]);
        return rig.run(['build', '-q', '--root', store, ...names, context]);
      };
      const first = await build('app');
      expect(first.status, first.stderr).toBe(0);
      fillDisk(store);
      const again = await build('app');
      expect(again, again.stderr).toMatchObject({ status: 0, stdout: first.stdout, stderr: '' });
      // Another name has to be written.
      const named = await build('app', 'other');
      expect(named.status).toBe(6);
      expect(named.stderr).toMatch(
        /^error\[DISK_FULL\]: Cannot write ".*\/images\.json": the disk/,
      );
      expect((await rig.run(['images', '-q', '--root', store])).stdout).not.toBe('');
      expect(readdirSync(join(store, 'locks', 'leases'))).toEqual([]);
      rmSync(join(store, 'rest'), { recursive: true });
      expect((await build('other')).stdout).toBe(first.stdout);
    },
  );

  test('a store on a read-only disk is refused before anything runs', async () => {
    const store = tmpfsAt('readonly', 'size=8m,mode=700');
    const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
    expect((await rig.run(['build', '--root', store, context])).status).toBe(0);
    execFileSync('mount', ['-o', 'remount,ro', store]);
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /other\n');
    const { status, stderr } = await rig.run(['build', '--root', store, context]);
    expect(status).toBe(6);
    expect(stderr).toMatch(/error\[(STORE_UNUSABLE|DISK_FAILED)\]: Cannot use .*read-only/);
  });
});

/** Until neither a byte nor a file goes onto the disk that `store` is on. */
function fillDisk(store: string): void {
  const rest = join(store, 'rest');
  mkdirSync(rest);
  expect(() => {
    for (let i = 0; i < 3000; i++) writeFileSync(join(rest, String(i)), '');
  }).toThrow('ENOSPC');
  expect(() => {
    execFileSync('dd', ['if=/dev/zero', `of=${join(rest, '0')}`, 'bs=4k'], { stdio: 'ignore' });
  }).toThrow();
}

describe('a context that changes between hash and copy', () => {
  /** A step that goes on when `change` was done; by then the keys of what follows are known. */
  async function buildWhile(
    context: string,
    change: () => void,
  ): Promise<{ readonly status: number | undefined; readonly stderr: string }> {
    const server = createServer((socket) => {
      change();
      socket.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const text = `FROM busybox AS b\nRUN nc 127.0.0.1 ${String(port)}\nFROM scratch\nCOPY --from=b /bin/busybox /\nCOPY d /d\n`;
    writeFileSync(join(context, 'Dockerfile'), text);
    try {
      return await rig.run(['build', '--network=host', context]);
    } finally {
      server.close();
    }
  }

  /** What a build without the waiting step finds for the same COPY. */
  async function copied(context: string): Promise<readonly string[]> {
    writeFileSync(join(context, 'Dockerfile'), 'FROM scratch\nCOPY d /d\n');
    const dest = mkdtempSync(join(rig.dir, 'copied-'));
    const { status, stderr } = await rig.run(['build', '-o', dest, context]);
    expect(status, stderr).toBe(0);
    return readdirSync(join(dest, 'd')).map(
      (name) => `${name} ${readFileSync(join(dest, 'd', name), 'utf8')}`,
    );
  }

  test('in other bytes: the build fails, and nothing wrong is in the cache', async () => {
    const context = rig.context({ 'd/a': 'one', 'd/b': 'two' });
    const { status, stderr } = await buildWhile(context, () => {
      writeFileSync(join(context, 'd/b'), 'new');
    });
    expect(status).toBe(3);
    expect(stderr).toContain(
      'error[CONTEXT_CHANGED]: Cannot finish "[stage-1 2/2] COPY d /d": files of the build context changed while they were copied',
    );
    expect(await copied(context)).toEqual(['a one', 'b new']);
    writeFileSync(join(context, 'd/b'), 'two');
    expect(await copied(context)).toEqual(['a one', 'b two']);
  });

  test('in its times alone: the build goes on', async () => {
    const context = rig.context({ 'd/a': 'one' });
    const { status, stderr } = await buildWhile(context, () => {
      utimesSync(join(context, 'd/a'), 1, 1);
    });
    expect(status, stderr).toBe(0);
    expect(await copied(context)).toEqual(['a one']);
  });

  test('by a file that goes: the build fails', async () => {
    const context = rig.context({ 'd/a': 'one', 'd/b': 'two' });
    const { status, stderr } = await buildWhile(context, () => {
      rmSync(join(context, 'd/b'));
    });
    expect(status).toBe(3);
    expect(stderr).toContain('error[CONTEXT_CHANGED]: Cannot read "/d/b"');
  });
});

describe('names and sizes at the edge', () => {
  test('a path of 4,096 bytes and names that are no UTF-8 come through whole', async () => {
    const context = rig.context({
      Dockerfile:
        'FROM busybox AS b\nCOPY deep /deep\nCOPY odd /odd\nRUN find /odd -type f | wc -l > /count; find /deep -type f | wc -l >> /count\nFROM scratch\nCOPY --from=b /count /\n',
    });
    const script = `
      mkdir odd deep && printf x > "odd/$(printf '\\377\\376\\n')" && printf y > "odd/$(printf 'caf\\351')"
      cd -P deep && name=$(printf '%0200d' 0)
      for i in $(seq 25); do mkdir "$name" && cd -P "$name"; done; echo deep > file`;
    execFileSync('bash', ['-c', script], { cwd: context });
    const dest = join(rig.dir, 'deep-out');
    const { status, stderr } = await rig.run(['build', '-o', dest, context]);
    execFileSync('bash', ['-c', 'rm -rf deep'], { cwd: context });
    // Nobody can open such a path by its name: it has to be said, and never left out in silence.
    expect(status).toBe(3);
    expect(stderr).toMatch(/error\[PATH_TOO_LONG\]: Cannot use "\/.*0{200}/);
    mkdirSync(join(context, 'deep'));
    writeFileSync(join(context, 'deep/file'), 'x');
    const short = await rig.run(['build', '-o', dest, context]);
    expect(short.status, short.stderr).toBe(0);
    expect(execFileSync('cat', [join(dest, 'count')], { encoding: 'utf8' })).toBe('2\n1\n');
  });

  test('10,000 steps and 500 stages are planned, built and taken from the cache', async () => {
    const steps = Array.from({ length: 10_000 }, (_, i) => `ENV N${String(i % 50)}=${String(i)}`);
    const many = rig.context({
      Dockerfile: `FROM scratch\n${steps.join('\n')}\nCOPY Dockerfile /\n`,
    });
    const stages = Array.from({ length: 500 }, (_, i) =>
      i === 0
        ? 'FROM scratch AS s0\nCOPY Dockerfile /0'
        : `FROM scratch AS s${String(i)}\nCOPY --from=s${String(i - 1)} /${String(i - 1)} /${String(i)}`,
    );
    const wide = rig.context({ Dockerfile: `${stages.join('\n')}\n` });
    for (const context of [many, wide]) {
      const first = await rig.run(['build', '-q', context]);
      expect(first.status, first.stderr).toBe(0);
      const again = await rig.run(['build', '-q', context]);
      expect(again.stdout).toBe(first.stdout);
    }
    const { stdout } = await rig.run(['explain']);
    expect(stdout).toMatch(/\n\d+ steps: 0 ran, 500 cached\n$/);
  });

  test('a sparse file keeps its holes', async () => {
    const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY holes /\n' });
    execFileSync('truncate', ['-s', '64M', join(context, 'holes')]);
    const root = join(rig.dir, 'sparse');
    const { status, stderr } = await rig.run(['build', '--root', root, context]);
    expect(status, stderr).toBe(0);
    const [id = ''] = readdirSync(join(root, 'snapshots')).filter((name) =>
      /^[0-9a-z]{12}$/.test(name),
    );
    const stat = statSync(join(root, 'snapshots', id, 'fs', 'holes'));
    expect(stat.size).toBe(64 * 2 ** 20);
    expect(stat.blocks * 512).toBeLessThan(2 ** 20);
  });
});
