import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_CAPABILITIES, capabilityMask } from '../../src/sandbox/capabilities.ts';
import { LaunchProgram } from '../../src/sandbox/launcher/program.ts';
import { REFUSED_CALLS } from '../../src/sandbox/refused-calls.fixture.ts';
import { launcherArchitecture } from '../../src/sandbox/launcher/start.ts';
import { deviceNumbers, MASKED_PATHS, READONLY_PATHS } from '../../src/sandbox/runtime-spec.ts';
import { BUILDERS, buildAs, type BuildAs } from '../support/build-as.ts';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';

/** What a step may do and see, asked by the step itself, for every way of isolating it. */

/** Facts first, then `what: where` for each thing that a step should not be able to do. */
const PROBE = `
grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr '\\t' ' '
echo "processes $(ls /proc | grep -c '^[0-9]')"
echo "descriptors $(ls /proc/self/fd | tr '\\n' ' ')"
echo "devices $(ls /dev | grep -v '^core$' | tr '\\n' ' ')"
for call in /calls/*; do $call || echo "allowed: $call"; done
for masked in ${MASKED_PATHS.join(' ')}; do
  test -e $masked || continue
  if test -d $masked; then found=$(ls $masked); else found=$(head -c 64 $masked); fi
  test -z "$found" || echo "shown: $masked"
done
# To open for writing is enough, and harms nobody where it should not have worked.
find ${READONLY_PATHS.join(' ')} /sys -type f 2>/dev/null | while read -r file; do
  true >> "$file" && echo "writable: $file"
done 2>/dev/null
find /sys/fs/cgroup -mindepth 1 -type d 2>/dev/null | while read -r dir; do
  mkdir "$dir/new" 2>/dev/null && echo "writable: $dir" && rmdir "$dir/new"
done
for node in NODES; do
  for dir in /tmp /dev /dev/shm /cache /bound /memory; do
    mknod $dir/node \${node//-/ } 2>/dev/null || continue
    head -c 1 $dir/node >/dev/null 2>&1 && echo "opened: $node in $dir"
    rm $dir/node
  done
done
for at in /proc /sys /dev/shm /dev/mqueue; do
  grep " $at " /proc/mounts | grep -q nosuid,nodev,noexec || echo "loose: $at"
done
for at in /cache /bound /memory /etc/hosts /etc/resolv.conf; do
  grep " $at " /proc/mounts | grep -q nodev || echo "loose: $at"
done
grep -v -e '/store/mounts/[0-9a-f]* /cache ' -e '/store/network/' /proc/self/mountinfo | grep -o 'HOST[^ ]*'
ls -d HOST /proc/1/root/HOST 2>/dev/null
echo done
`;

const DOCKERFILE = `FROM busybox
COPY --chmod=755 calls /calls
COPY --chmod=4755 is-root /bin/is-root
COPY probe.sh /
RUN FLAGS --mount=type=cache,target=/cache --mount=type=tmpfs,target=/memory --mount=target=/bound,rw \\
    sh /probe.sh
USER 1000:1000
RUN is-root && echo "setuid programs work"; grep Cap /proc/self/status | grep -v CapBnd | cut -f 2 | sort -u
`;

const launcher = launcherArchitecture(process.arch);

describe.skipIf(process.getuid?.() !== 0 || launcher === undefined).each(BUILDERS)(
  'A step of %s',
  (who) => {
    let rig: BaseRig;
    let builder: BuildAs;

    beforeAll(async () => {
      rig = await openBaseRig();
      builder = buildAs(who, rig);
    });

    afterAll(async () => {
      await rig[Symbol.asyncDispose]();
      builder[Symbol.dispose]();
    });

    /** Programs that end with status 0 when the kernel answers as it should. */
    function writePrograms(context: string): void {
      const folder = join(context, 'calls');
      mkdirSync(folder);
      for (const [name, [args, answer]] of Object.entries(REFUSED_CALLS)) {
        writeFileSync(join(folder, name), program(name, args, answer));
      }
      writeFileSync(join(context, 'is-root'), program('geteuid', [], 0));
    }

    function program(name: string, args: readonly number[], answer: number): Buffer {
      const made = new LaunchProgram(launcher ?? 'x64');
      made.expect(name, args, answer, name);
      made.call('exit_group', [0], 'ending');
      return made.build();
    }

    /** What the probe prints in a step with these flags, and then the step of another user. */
    async function probe(isolation: string, flags: string): Promise<readonly string[]> {
      const [major, minor] = deviceNumbers(statSync('/').dev);
      // The host's disk, its memory, its log, FUSE, virtual machines, loop devices.
      const nodes = [`b-${major}-${minor}`, 'c-1-1', 'c-1-11', 'c-10-229', 'c-10-232', 'b-7-0'];
      const script = PROBE.replace('NODES', nodes.join(' ')).replaceAll('HOST', rig.dir);
      const Dockerfile = DOCKERFILE.replace('FLAGS', flags);
      const context = rig.context({ Dockerfile, 'probe.sh': script });
      writePrograms(context);
      const words = ['build', '--progress=plain', '--no-cache', '--isolation', isolation];
      const { status, stderr } = await builder.run([
        ...words,
        ...['--allow', 'security.insecure', context],
      ]);
      expect(status, stderr).toBe(0);
      await rig.assertNothingLeft();
      const printed = [...stderr.matchAll(/^#\d+ \d+\.\d+ (.+)$/gm)].map(([, text = '']) => text);
      return printed.map((line) => line.replace(/\s+/g, ' ').trim());
    }

    test.each(['namespaces', 'crun', 'runc'])(
      'E05, E07, E09, E13, F04 in %s has the rights of Docker',
      async (isolation) => {
        const printed = await probe(isolation, '');
        const all = capabilityMask(DEFAULT_CAPABILITIES).toString(16).padStart(16, '0');
        const none = '0'.repeat(16);
        expect(printed).toEqual([
          `CapInh: ${none}`,
          `CapPrm: ${all}`,
          `CapEff: ${all}`,
          `CapBnd: ${all}`,
          `CapAmb: ${none}`,
          'NoNewPrivs: 0',
          'Seccomp: 2',
          expect.stringMatching(/^processes [2-5]$/),
          // The last is the directory that is read.
          'descriptors 0 1 2 3',
          'devices fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero',
          'done',
          'setuid programs work',
          none,
        ]);
      },
    );

    test('in namespaces that may do all is found out by the same questions', async () => {
      const printed = await probe('namespaces', '--security=insecure');
      const found = new Set(printed.map((line) => /^(\w+):/.exec(line)?.[1]));
      const asRoot = ['allowed', 'opened', 'writable'];
      expect([...found]).toEqual(expect.arrayContaining(who === 'root' ? asRoot : ['allowed']));
      expect(printed).toContain('Seccomp: 0');
    });
  },
);
