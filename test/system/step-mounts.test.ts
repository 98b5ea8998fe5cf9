import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandOptions, RunningCommand } from '../support/cli.ts';
import { installProgram } from '../support/installed-program.ts';
import { makeOrdinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts';

/** Each kind of mount once. The step waits for the test, which looks around meanwhile. */
const DOCKERFILE = `FROM busybox AS seed
RUN mkdir -p /seed/deep && echo seeded > /seed/deep/start && ln -s / /seed/root
FROM busybox AS mounts
RUN echo 'app:x:1000:1000::/home/app:/bin/sh' >> /etc/passwd; mkdir /made && touch -d @1000000000 /made /
USER app
WORKDIR /home/app
RUN --mount=type=bind,target=/context \\
    --mount=type=bind,from=seed,source=/seed,target=/made/seed,rw \\
    --mount=type=cache,target=/made/cache,from=seed,source=/seed,uid=1000 \\
    --mount=type=cache,id=gate,target=/gate,mode=0777 \\
    --mount=type=tmpfs,target=/scratch,size=1m \\
    --mount=type=secret,id=file,required,uid=1000,mode=0440,target=/made/new/secret \\
    --mount=type=secret,id=variable,env=SECRET_VARIABLE \\
    --mount=type=secret,id=absent,target=/made/absent \\
    --mount=type=ssh,id=key,required,uid=1000 \\
    --mount=type=ssh,id=absent,target=/made/no-agent <<END
set -eu
cat /context/file /made/seed/deep/start /made/cache/deep/start
! touch /context/new 2>/dev/null
ls /context
chmod 700 /made/cache/deep 2>/dev/null || echo "the seed keeps its owners"
test ! -e /made/absent && test ! -e /made/no-agent
stat -c '%a %u' /made/new/secret
test "$(wc -c < /made/new/secret)" = 64
test "$(printf %s "$SECRET_VARIABLE" | wc -c)" = 64
! dd if=/dev/zero of=/scratch/big bs=1M count=2 2>/dev/null
echo "$SSH_AUTH_SOCK"; stat -c '%F %a %u' "$SSH_AUTH_SOCK"
/context/tool/ld.so --library-path /context/tool /context/tool/ssh-add -l
/context/tool/ld.so --library-path /context/tool /context/tool/ssh-add -D 2>&1 | grep -o Failed
/context/tool/ld.so --library-path /context/tool /context/tool/ssh-add -T /context/key.pub && echo "signed"
touch /gate/ready
echo waiting
while test ! -e /gate/go; do sleep 0.02; done
END
FROM mounts AS after
RUN find /made /scratch /context /gate /run 2>/dev/null; stat -c %Y /made
`;

describe.each(['root', 'an ordinary user'])('A build by %s', (who) => {
  const isRoot = who === 'root';
  let rig: BaseRig;
  let user: OrdinaryUser | undefined;
  let start: (words: readonly string[], options?: CommandOptions) => RunningCommand;

  beforeAll(async () => {
    rig = await openBaseRig();
    if (isRoot) {
      start = (words, options) => rig.start(words, options);
      return;
    }
    if (process.getuid?.() !== 0) return;
    const home = join(rig.dir, 'home');
    user = makeOrdinaryUser(home);
    for (const dir of [home, rig.dir]) chownSync(dir, user.uid, user.uid);
    const program = installProgram(join(rig.dir, 'installed'));
    const [first, ...rest] = user.prefix;
    start = (words, options) =>
      rig.start([...rest, program, ...words], { ...options, program: first });
  });

  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    user?.[Symbol.dispose]();
  });

  test.skipIf(process.getuid?.() !== 0)(
    'D10 has every kind of mount, and keeps no trace of what is secret',
    async () => {
      const context = rig.context({ Dockerfile: DOCKERFILE, file: 'from the context\n' });
      copyTool('/usr/bin/ssh-add', join(context, 'tool'));
      const canaries = { file: canary(), variable: canary() };
      writeFileSync(join(rig.dir, 'secret'), canaries.file);
      const key = join(rig.dir, 'key');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', key]);
      copyFileSync(`${key}.pub`, join(context, 'key.pub'));
      if (user !== undefined) {
        for (const name of ['secret', 'key']) chownSync(join(rig.dir, name), user.uid, user.uid);
      }
      const words = [
        ...['build', '--progress=plain', '--target=after', '-t', 'mounts'],
        ...['--secret', `id=file,src=${join(rig.dir, 'secret')}`],
        ...['--secret', 'id=variable,env=CANARY', '--ssh', `key=${key}`, context],
      ];
      const build = start(words, { env: { CANARY: canaries.variable } });
      await Promise.race([build.printed(' waiting'), build.ended]);
      const lines = commandLines();
      openGate(rig.root);
      const { status, stderr } = await build.ended;
      expect(status, stderr).toBe(0);
      expect(printed(stderr)).toEqual([
        'from the context',
        'seeded',
        'seeded',
        'Dockerfile',
        'file',
        'key.pub',
        'tool',
        'the seed keeps its owners',
        '440 1000',
        '/run/buildkit/ssh_agent.0',
        'socket 600 1000',
        expect.stringMatching(/^256 SHA256:\S+ test \(ED25519\)$/),
        'Failed',
        'signed',
        'waiting',
        '/made',
        '1000000000',
      ]);

      const privateKey = readFileSync(key, 'latin1').split('\n')[2] ?? 'none';
      const secrets = [canaries.file, canaries.variable, privateKey];
      expect(traces(stderr, secrets)).toEqual([]);
      expect(lines.flatMap((line) => traces(line, secrets))).toEqual([]);
      expect(filesWith(rig.root, secrets)).toEqual([]);
      await rig.assertNothingLeft();

      // The content of a secret is no part of a key.
      writeFileSync(join(rig.dir, 'secret'), 'another');
      const again = await start(words, { env: { CANARY: 'another' } }).ended;
      expect(again.status, again.stderr).toBe(0);
      expect(printed(again.stderr)).toEqual([]);
    },
    60_000,
  );

  test.skipIf(process.getuid?.() !== 0).each(['namespaces', 'crun', 'runc'])(
    'has mounts inside of mounts, in any order, and programs in a tmpfs, with %s',
    async (isolation) => {
      const context = rig.context({ Dockerfile: NESTED_DOCKERFILE, secret: 'known\n' });
      const words = ['build', '--progress=plain', '--no-cache', '--isolation', isolation];
      const secret = ['--secret', `id=s,src=${join(context, 'secret')}`];
      const { status, stderr } = await start([...words, ...secret, context]).ended;
      expect(status, stderr).toBe(0);
      expect(printed(stderr)).toEqual(['known', '/a/b/c/d /a/b/c/s', 'started', 'clean']);
    },
    60_000,
  );
});

/** The inner mounts stand before the outer ones. */
const NESTED_DOCKERFILE = `FROM busybox
RUN --mount=type=secret,id=s,target=/a/b/c/s --mount=type=cache,target=/a/b/c/d --mount=type=tmpfs,target=/a \
    cat /a/b/c/s; touch /a/b/c/d/made; echo /a/b/c/*; cp /bin/busybox /a/busybox; /a/busybox echo started
RUN test ! -e /a && echo clean
`;

/** What steps wrote, in order, without what --progress=plain puts in front. */
function printed(stderr: string): string[] {
  return [...stderr.matchAll(/^#\d+ \d+\.\d+ (.+)$/gm)].map(([, text = '']) => text);
}

function canary(): string {
  return randomBytes(32).toString('hex');
}

/** Ways in which `secrets` are in `text`: as they are, in base64, in capitals. */
function traces(text: string, secrets: readonly string[]): string[] {
  return secrets
    .flatMap((secret) => [secret, Buffer.from(secret).toString('base64'), secret.toUpperCase()])
    .filter((form) => text.includes(form));
}

function filesWith(dir: string, secrets: readonly string[]): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => traces(readFileSync(path, 'latin1'), secrets).length > 0);
}

function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    });
}

/** Lets the step go on: it shares a cache mount with this test. */
function openGate(root: string): void {
  const mounts = join(root, 'mounts');
  const gate = readdirSync(mounts).find(
    (name) => !name.endsWith('.lock') && readdirSync(join(mounts, name)).includes('ready'),
  );
  if (gate !== undefined) writeFileSync(join(mounts, gate, 'go'), '');
}

/** Copies a program with its libraries, so that it runs from anywhere: `ld.so --library-path DIR PROGRAM`. */
function copyTool(program: string, to: string): void {
  mkdirSync(to);
  copyFileSync(program, join(to, 'ssh-add'));
  chmodSync(join(to, 'ssh-add'), 0o755);
  const listed = execFileSync('ldd', [program], { encoding: 'utf8' });
  for (const [, path = ''] of listed.matchAll(/(\/\S+) \(0x/g)) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    copyFileSync(path, join(to, name.startsWith('ld-') ? 'ld.so' : name));
  }
  chmodSync(join(to, 'ld.so'), 0o755);
}
