import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUILDERS, buildAs, type BuildAs } from '../support/build-as.ts';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandResult } from '../support/cli.ts';

/** Images and Dockerfiles that try to get out, from published attacks on other builders. */

/** Starts a program with files open that it did not ask for, as careless parents leave them. */
const WITH_FILES = ['-c', 'exec 7</etc/hostname 9</etc/passwd; exec "$@"', 'sh'];

/** Builds while directories are swapped for links. What they have in common is tried more often by unit tests. */
const ROUNDS = Number(process.env['STAGECRAFT_TEST_ROUNDS'] ?? 6);

/** Names, types, owners, modes, times and contents of everything below the tree. */
function stateOf(dir: string): string {
  const hash = createHash('sha256');
  for (const name of ['.', ...namesBelow(dir).sort()]) {
    const path = join(dir, name);
    const { mode, uid, gid, mtimeMs, nlink } = lstatSync(path);
    hash.update(JSON.stringify([name, mode, uid, gid, mtimeMs, nlink]));
    if (lstatSync(path).isFile()) hash.update(readFileSync(path));
    if (lstatSync(path).isSymbolicLink()) hash.update(readlinkSync(path));
  }
  return hash.digest('hex');
}

/** What steps are started by. */
const RUNTIMES = ['/usr/bin/crun', '/usr/sbin/runc', process.execPath].filter((path) =>
  existsSync(path),
);

function digestOfFile(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Names below `dir`. Links are not followed. */
function namesBelow(dir: string, prefix = ''): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const name = prefix + entry.name;
    return [name, ...(entry.isDirectory() ? namesBelow(join(dir, entry.name), `${name}/`) : [])];
  });
}

const SANDBOXES = ['namespaces', 'crun', 'runc'].flatMap((isolation) =>
  BUILDERS.map((who) => ({ isolation, who })),
);

describe.skipIf(process.getuid?.() !== 0).each(SANDBOXES)('In $isolation of $who', (sandbox) => {
  const { isolation, who } = sandbox;
  let rig: BaseRig;
  let builder: BuildAs;
  /** A tree of the host that nothing may change or show. */
  let out: string;

  beforeAll(async () => {
    rig = await openBaseRig({ env: { HOST_CANARY: 'leaked-variable' } });
    builder = buildAs(who, rig);
    out = join(rig.dir, 'OUT');
    mkdirSync(join(out, 'empty'), { recursive: true });
    for (const name of ['ptmx', 'hosts', 'resolv.conf', 'null', 'passwd']) {
      writeFileSync(join(out, name), 'leaked-file\n');
      chmodSync(join(out, name), 0o666);
    }
    for (const dir of [out, join(out, 'empty')]) chmodSync(dir, 0o777);
  });

  afterAll(async () => {
    try {
      await rig[Symbol.asyncDispose]();
    } finally {
      builder[Symbol.dispose]();
    }
  });

  /** Builds `lines` after a stage without mount points of its own, whose `links` replace its files. */
  async function attack(
    lines: readonly string[],
    links: Readonly<Record<string, string>> = {},
    run = (words: readonly string[]): Promise<CommandResult> => builder.run(words),
  ): Promise<CommandResult> {
    const start = 'FROM busybox AS b\nFROM scratch AS a\nCOPY --from=b /bin /bin\nCOPY root/ /\n';
    const Dockerfile = start + `${lines.join('\n')}\n`.replaceAll('OUT', out);
    const context = rig.context({ Dockerfile, 'root/file': 'of the user\n' });
    for (const [name, target] of Object.entries(links)) {
      mkdirSync(dirname(join(context, 'root', name)), { recursive: true });
      symlinkSync(target.replaceAll('OUT', out), join(context, 'root', name));
    }
    const before = [stateOf(out), stateOf(context)];
    const words = ['build', '--progress=plain', '--no-cache', '--isolation', isolation, context];
    const result = await run(words);
    expect([stateOf(out), stateOf(context)]).toEqual(before);
    expect(result.stderr).not.toContain('leaked-');
    return result;
  }

  test.each<[string, readonly string[], Readonly<Record<string, string>>]>([
    ['E03 WORKDIR is behind a link', ['WORKDIR /w/sub', 'RUN touch new'], { w: 'OUT' }],
    ['E04 /dev is an absolute link', ['RUN echo x > /dev/null; rm -f /dev/ptmx'], { dev: 'OUT' }],
    ['E04 /dev is a relative link', ['RUN rm -f /dev/ptmx'], { dev: '../../../../..OUT' }],
    [
      'E04, E05 /dev/null and /dev/console are links',
      ['RUN echo x > /dev/null; cat /dev/null; echo x > /dev/console; true'],
      { 'dev/null': 'OUT/null', 'dev/console': 'OUT/hosts' },
    ],
    ['E06 /proc is a link', ['RUN ls /proc /proc/self'], { proc: 'OUT' }],
    ['E06 /proc is a volume', ['VOLUME /proc', 'RUN ls /proc/self'], {}],
    ['E06 /sys is a link', ['RUN ls /sys'], { sys: 'OUT' }],
    ['D08 /etc is a link', ['RUN cat /etc/hosts /etc/resolv.conf'], { etc: 'OUT' }],
    [
      'D08 /etc/hosts and /etc/resolv.conf are links',
      ['RUN cat /etc/hosts /etc/resolv.conf'],
      { 'etc/hosts': '../../../..OUT/hosts', 'etc/resolv.conf': 'OUT/resolv.conf' },
    ],
    ['F02 /etc/passwd is a link', ['USER 5:6', 'RUN id'], { 'etc/passwd': 'OUT/passwd' }],
    ['F02 /etc/passwd never ends', ['USER nobody', 'RUN id'], { 'etc/passwd': '/dev/zero' }],
    ['D07 a mount target is a link', ['RUN --mount=type=tmpfs,target=/t/x true'], { t: 'OUT' }],
    [
      'D01 the source of a bind mount is a link',
      [
        'FROM busybox',
        'RUN --mount=type=bind,from=a,source=/t,target=/x,rw cat /x/OUT/hosts; touch /x/new; true',
      ],
      { t: '/' },
    ],
    [
      'D03 the directory of a mount becomes a link',
      ['RUN --mount=type=bind,target=/a/empty umount /a/empty; mv /a /b; ln -s OUT /a; true'],
      {},
    ],
    [
      'D04 the id of a cache mount leads out',
      ['RUN --mount=type=cache,id=../../../..OUT,target=/c touch /c/new; cat /c/passwd; true'],
      {},
    ],
    ...['OUT', '../../../../../../../../..OUT', '../..'].map(
      (target): [string, readonly string[], Readonly<Record<string, string>>] => [
        `D02 the source of a cache mount is a link to ${target}`,
        [
          `RUN --mount=type=cache,id=swap,target=/c ln -sfn ${target} /c/s`,
          'RUN --mount=type=cache,id=swap,source=s,target=/m cat /m/passwd; touch /m/new; true',
          'RUN --mount=type=cache,id=swap,source=s/t/u,target=/m touch /m/new; true',
        ],
        {},
      ],
    ),
    [
      'E03, D07 a process that a step left behind swaps directories for links',
      [
        'RUN mkdir -p /w/sub; (while :; do mv /w /v; ln -s OUT /w; rm /w; mv /v /w; done) >/dev/null 2>&1 &',
        'WORKDIR /w/sub/made',
        'COPY root/file /w/sub/copied/',
        'RUN --mount=type=tmpfs,target=/w/sub/mounted touch new',
      ],
      {},
    ],
    [
      'D07 a mount that is made in a cache mount finds a link there',
      [
        'RUN --mount=type=cache,id=nested,target=/c ln -sfn OUT /c/s',
        'RUN --mount=type=cache,id=nested,target=/c --mount=type=tmpfs,target=/c/s/x touch /c/s/x/y; true',
        'RUN --mount=type=cache,id=nested,target=/c --mount=type=secret,id=none,target=/c/s/hosts true',
      ],
      {},
    ],
    ['D06 the context is written to', ['RUN --mount=target=/s,rw rm -r /s/root; touch /s/new'], {}],
    [
      'E10 a script is run by the runtime itself',
      ['RUN printf "#!/proc/self/exe" > /x; chmod +x /x; /x; true'],
      {},
    ],
  ])('nothing outside is changed or shown when %s', async (_what, lines, links) => {
    // What counts is the tree outside. Some of these work inside the image, and some are refused.
    const runtimes = RUNTIMES.map(digestOfFile);
    const { status, stderr } = await attack(lines, links);
    expect([0, 4], stderr).toContain(status);
    expect(RUNTIMES.map(digestOfFile)).toEqual(runtimes);
    await rig.assertNothingLeft();
  });

  test('E11 a step in the network of the host finds no socket of the builder there', async () => {
    const { status, stderr } = await attack(
      ['RUN --network=host grep -c "@.*stagecraft" /proc/net/unix; true'],
      {},
      ([command = '', ...words]) => builder.run([command, '--allow=network.host', ...words]),
    );
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^#\d+ \d+\.\d+ 0$/m);
  });

  test('F07 labels of the image that runtimes and engines look at are nothing but data', async () => {
    const labels = [
      'run.oci.hooks.stderr="OUT/new"',
      'run.oci.handler="krun"',
      'run.oci.seccomp_bpf_data="AAAA"',
      'module.wasm.image/variant="compat"',
      'io.containerd.runc.v2.group="x"',
      'org.opencontainers.runc.exec="touch OUT/new"',
    ];
    const { status, stderr } = await attack([
      `LABEL ${labels.join(' ')}`,
      'RUN grep Seccomp: /proc/self/status',
    ]);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/^#\d+ \d+\.\d+ Seccomp:\s+2$/m);
  });

  test.each([3, 7])('E01 WORKDIR cannot be descriptor %i of the builder', async (fd) => {
    const lines = [`WORKDIR /proc/self/fd/${String(fd)}`, 'RUN cat ../../../../OUT/hosts'];
    const { status, stderr } = await attack(lines);
    expect([status, stderr]).toEqual([4, expect.stringContaining('error[') as string]);
  });

  test('E02, E09, E11, E12, F05 a step has no variable, descriptor, socket or process of the host', async () => {
    const script = [
      'env | sort',
      'ls /proc/self/fd | tr "\\n" " "; echo',
      'find / -type s 2>/dev/null',
      'ls /proc | grep -c "^[0-9]"',
      `kill -0 ${String(process.pid)} 2>&1 | grep -o "No such process"`,
      'cat /proc/1/environ | tr "\\0" "\\n" | grep -c HOST',
      'grep -c @.*stagecraft /proc/net/unix',
    ].join('; ');
    const { status, stderr } = await attack([`RUN ${script}; true`], {}, (words) =>
      rig.run([...WITH_FILES, ...builder.command, ...words], { program: '/bin/sh' }),
    );
    expect(status, stderr).toBe(0);
    const printed = [...stderr.matchAll(/^#\d+ \d+\.\d+ (.+)$/gm)].map(([, text = '']) => text);
    expect(printed.slice(0, 4)).toEqual([
      'HOME=/',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'PWD=/',
      expect.stringMatching(/^(SHLVL=\d|0 1 2 3 )$/) as string,
    ]);
    expect(printed.filter((line) => !/^(HOME|PATH|PWD|SHLVL)=/.test(line))).toEqual([
      '0 1 2 3 ',
      expect.stringMatching(/^[2-5]$/) as string,
      'No such process',
      '0',
      '0',
    ]);
  });

  test('D02 a step that shares a cache mount cannot lead the mounts of another one out of it', async () => {
    const swap = [
      'FROM busybox',
      'RUN --mount=type=cache,id=race,target=/c mkdir -p /c/s; echo swapping; \\',
      `    while test ! -e /c/stop; do mv /c/s /c/t; ln -s ${out} /c/s; rm /c/s; mv /c/t /c/s; done; rm /c/stop`,
    ];
    const words = ['build', '--progress=plain', '--no-cache', '--isolation', isolation];
    const before = stateOf(out);
    const swapping = builder.start([...words, rig.context({ Dockerfile: `${swap.join('\n')}\n` })]);
    await swapping.printed(' swapping');
    // A mount inside of what is swapped, and a mount of it.
    const nested = `--mount=type=cache,id=race,target=/c --mount=type=tmpfs,target=/c/s/x/y`;
    const source = '--mount=type=cache,id=race,source=s,target=/m';
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const mounts = round % 2 === 0 ? nested : source;
        const Dockerfile = `FROM busybox\nRUN ${mounts} cat /m/passwd 2>/dev/null; touch /m/new; true\n`;
        const { status, stderr } = await builder.run([...words, rig.context({ Dockerfile })]);
        // Where it is a link just then, or nothing, there may be no place to mount.
        expect([0, 4], stderr).toContain(status);
        expect(stderr).not.toContain('leaked-');
      }
    } finally {
      const stop = 'FROM busybox\nRUN --mount=type=cache,id=race,target=/c touch /c/stop\n';
      await builder.run([...words, rig.context({ Dockerfile: stop })]);
    }
    expect((await swapping.ended).status).toBe(0);
    expect(stateOf(out)).toBe(before);
    await rig.assertNothingLeft();
  });
});
