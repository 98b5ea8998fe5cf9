import { createHash } from 'node:crypto';
import {
  chmodSync,
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
import { openRig, type CommandOptions, type CommandResult, type Rig } from '../support/cli.ts';
import { PROGRAM } from '../support/program.ts';
import { startBaseRegistry, type RegistryServer } from '../support/registry-server.ts';

/** Images and Dockerfiles that try to get out, from published attacks on other builders. */

let registry: RegistryServer;
let rig: Rig;
const BARE = { program: undefined, args: [] };
/** Starts the program with files open that it did not ask for, as careless parents leave them. */
const WITH_FILES = {
  program: '/bin/sh',
  args: ['-c', 'exec 7</etc/hostname 9</etc/passwd; exec "$@"', 'sh', PROGRAM],
};
/** A tree of the host that nothing may change or show. */
let out: string;

beforeAll(async () => {
  registry = await startBaseRegistry(['busybox:latest']);
  rig = openRig({ mirror: registry.url, env: { HOST_CANARY: 'leaked-variable' } });
  out = join(rig.dir, 'OUT');
  mkdirSync(join(out, 'empty'), { recursive: true });
  for (const name of ['ptmx', 'hosts', 'resolv.conf', 'null', 'passwd']) {
    writeFileSync(join(out, name), 'leaked-file\n');
  }
  chmodSync(out, 0o777);
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

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

/** Names below `dir`. Links are not followed. */
function namesBelow(dir: string, prefix = ''): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const name = prefix + entry.name;
    return [name, ...(entry.isDirectory() ? namesBelow(join(dir, entry.name), `${name}/`) : [])];
  });
}

describe.each(['namespaces', 'crun', 'runc'])('In %s', (isolation) => {
  /** Builds `lines` after a stage without mount points of its own, whose `links` replace its files. */
  async function attack(
    lines: readonly string[],
    links: Readonly<Record<string, string>> = {},
    options: CommandOptions = {},
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
    const { program, args } = options.program === 'with open files' ? WITH_FILES : BARE;
    const result = await rig.run([...args, ...words], {
      ...options,
      ...(program === undefined ? {} : { program }),
    });
    expect([stateOf(out), stateOf(context)]).toEqual(before);
    expect(result.stderr).not.toContain('leaked-');
    return result;
  }

  test.each<[string, readonly string[], Readonly<Record<string, string>>]>([
    ['WORKDIR is behind a link', ['WORKDIR /w/sub', 'RUN touch new'], { w: 'OUT' }],
    ['/dev is an absolute link', ['RUN echo x > /dev/null; rm -f /dev/ptmx'], { dev: 'OUT' }],
    ['/dev is a relative link', ['RUN rm -f /dev/ptmx'], { dev: '../../../../..OUT' }],
    ['/dev/null is a link', ['RUN echo x > /dev/null; cat /dev/null'], { 'dev/null': 'OUT/null' }],
    ['/proc is a link', ['RUN ls /proc /proc/self'], { proc: 'OUT' }],
    ['/sys is a link', ['RUN ls /sys'], { sys: 'OUT' }],
    ['/etc is a link', ['RUN cat /etc/hosts /etc/resolv.conf'], { etc: 'OUT' }],
    [
      '/etc/hosts and /etc/resolv.conf are links',
      ['RUN cat /etc/hosts /etc/resolv.conf'],
      { 'etc/hosts': '../../../..OUT/hosts', 'etc/resolv.conf': 'OUT/resolv.conf' },
    ],
    ['/etc/passwd is a link', ['USER 5:6', 'RUN id'], { 'etc/passwd': 'OUT/passwd' }],
    ['/etc/passwd never ends', ['USER nobody', 'RUN id'], { 'etc/passwd': '/dev/zero' }],
    ['a mount target is a link', ['RUN --mount=type=tmpfs,target=/t/x true'], { t: 'OUT' }],
    [
      'the source of a bind mount is a link',
      [
        'FROM busybox',
        'RUN --mount=type=bind,from=a,source=/t,target=/x,rw cat /x/OUT/hosts; touch /x/new; true',
      ],
      { t: '/' },
    ],
    [
      'the directory of a mount becomes a link',
      ['RUN --mount=type=bind,target=/a/empty umount /a/empty; mv /a /b; ln -s OUT /a; true'],
      {},
    ],
    [
      'the id of a cache mount leads out',
      ['RUN --mount=type=cache,id=../../../..OUT,target=/c touch /c/new; cat /c/passwd; true'],
      {},
    ],
    ...['OUT', '../../../../../../../../..OUT', '../..'].map(
      (target): [string, readonly string[], Readonly<Record<string, string>>] => [
        `the source of a cache mount is a link to ${target}`,
        [
          `RUN --mount=type=cache,id=swap,target=/c ln -sfn ${target} /c/s`,
          'RUN --mount=type=cache,id=swap,source=s,target=/m cat /m/passwd; touch /m/new; true',
          'RUN --mount=type=cache,id=swap,source=s/t/u,target=/m touch /m/new; true',
        ],
        {},
      ],
    ),
    ['the context is written to', ['RUN --mount=target=/s,rw rm -r /s/root; touch /s/new'], {}],
    [
      'a script is run by the runtime itself',
      ['RUN printf "#!/proc/self/exe" > /x; chmod +x /x; /x; true'],
      {},
    ],
  ])('nothing outside is changed or shown when %s', async (_what, lines, links) => {
    // What counts is the tree outside. Some of these work inside the image, and some are refused.
    const { status, stderr } = await attack(lines, links);
    expect([0, 4], stderr).toContain(status);
    await rig.assertNothingLeft();
  });

  test.each([3, 7])('WORKDIR cannot be descriptor %i of the builder', async (fd) => {
    const lines = [`WORKDIR /proc/self/fd/${String(fd)}`, 'RUN cat ../../../../OUT/hosts'];
    const { status, stderr } = await attack(lines);
    expect([status, stderr]).toEqual([4, expect.stringContaining('error[') as string]);
  });

  test('a step has no variable, descriptor, socket or process of the host', async () => {
    const script = [
      'env | sort',
      'ls /proc/self/fd | tr "\\n" " "; echo',
      'find / -type s 2>/dev/null',
      'ls /proc | grep -c "^[0-9]"',
      `kill -0 ${String(process.pid)} 2>&1 | grep -o "No such process"`,
      'cat /proc/1/environ | tr "\\0" "\\n" | grep -c HOST',
      'grep -c @.*stagecraft /proc/net/unix',
    ].join('; ');
    const { status, stderr } = await attack(
      [`RUN ${script}; true`],
      {},
      {
        program: 'with open files',
      },
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
});
