import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandResult, Rig } from '../support/cli.ts';
import { installProgram } from '../support/installed-program.ts';
import { makeOrdinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts';

/** What a test can be given on any machine: nodes that every Linux has, under other names. */
const SPECIFICATION = `cdiVersion: "0.6.0"
kind: example.com/toy
containerEdits:
  env: [TOY=shared]
devices:
  - name: zeros
    containerEdits:
      env: [ZEROS=yes, PATH=/toy/bin:/bin]
      deviceNodes: [{path: /dev/toys/zeros, hostPath: /dev/zero, permissions: r}]
      mounts: [{hostPath: TOY_FILES, containerPath: /opt/toy, options: [ro, bind]}]
  - name: full
    annotations: {org.mobyproject.buildkit.device.autoallow: "true"}
    containerEdits:
      deviceNodes: [{path: /dev/toys/full, hostPath: /dev/full}]
      hooks: [{hookName: createContainer, path: /bin/false}]
  - name: gone
    containerEdits:
      deviceNodes: [{path: /dev/gone}]
`;

const DOCKERFILE = `FROM busybox
RUN --device=example.com/toy=zeros,required --device=example.com/toy=full --device=absent <<END
set -eu
echo "$TOY $ZEROS $PATH"
head -c 3 /dev/toys/zeros | od -An -tx1
! echo x 2>/dev/null > /dev/toys/full && echo "full is full"
cat /opt/toy/file
! touch /opt/toy/file 2>/dev/null && echo "the mount is read-only"
! head -c 1 /dev/zero/none 2>/dev/null
END
RUN test ! -e /dev/toys && test ! -e /opt/toy && test -z "\${TOY-}"
`;

describe.each(['runc', 'crun', 'namespaces', 'an ordinary user'])('Devices in %s', (how) => {
  const isRoot = how !== 'an ordinary user';
  let rig: BaseRig;
  let user: OrdinaryUser | undefined;
  let build: (words: readonly string[]) => Promise<CommandResult>;

  beforeAll(async () => {
    rig = await openBaseRig();
    const specifications = join(rig.dir, 'cdi');
    const files = join(rig.dir, 'toy');
    for (const dir of [specifications, files]) mkdirSync(dir);
    writeFileSync(join(files, 'file'), 'a file of the host\n');
    writeFileSync(join(specifications, 'toy.yaml'), SPECIFICATION.replaceAll('TOY_FILES', files));
    addToConfig(rig, { 'cdi-spec-dirs': [specifications] });
    if (isRoot) {
      build = (words) => rig.run(['build', '--progress=plain', '--isolation', how, ...words]);
      return;
    }
    if (process.getuid?.() !== 0) return;
    const home = join(rig.dir, 'home');
    user = makeOrdinaryUser(home);
    for (const dir of [home, rig.dir]) chownSync(dir, user.uid, user.uid);
    const program = installProgram(join(rig.dir, 'installed'));
    const [first, ...rest] = user.prefix;
    build = (words) =>
      rig.run([...rest, program, 'build', '--progress=plain', ...words], { program: first });
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    user?.[Symbol.dispose]();
  });

  test.skipIf(process.getuid?.() !== 0)(
    'give a step their nodes, files and variables, and the next one nothing',
    async () => {
      const context = rig.context({ Dockerfile: DOCKERFILE });
      const allow = ['--allow', 'device=example.com/toy=zeros'];
      const { status, stderr } = await build([...allow, '-t', 'toy', context]);
      expect(status, stderr).toBe(0);
      for (const line of [
        'shared yes /toy/bin:/bin',
        '00 00 00',
        'full is full',
        'a file of the host',
        'the mount is read-only',
        'No device "absent" is described on this machine: steps run without it',
        'Device "example.com/toy=full": 1 hooks of its specification are not run',
      ]) {
        expect(stderr).toContain(line);
      }

      const again = await build([...allow, context]);
      expect(again.stderr).toMatch(/RUN --device=.*\n.*CACHED/);
    },
  );

  test.skipIf(process.getuid?.() !== 0)('need a word of the user', async () => {
    const context = rig.context({ Dockerfile: DOCKERFILE });
    const { status, stderr } = await build([context]);
    expect(status).toBe(3);
    expect(stderr).toContain(
      'error[ENTITLEMENT_MISSING]: Cannot run this step: it needs "device=example.com/toy=zeros", which is not allowed',
    );
  });

  test.skipIf(process.getuid?.() !== 0)('that are not there are named', async () => {
    const run = async (device: string): Promise<CommandResult> => {
      const Dockerfile = `FROM busybox\nRUN --device=${device},required true\n`;
      return build(['--allow', 'device', rig.context({ Dockerfile })]);
    };
    const unknown = await run('example.com/toy=zero');
    expect(unknown.status).toBe(3);
    expect(unknown.stderr).toContain('error[DEVICE_NOT_FOUND]');
    expect(unknown.stderr).toContain(
      'Devices here: "example.com/toy=full", "example.com/toy=gone", "example.com/toy=zeros"',
    );
    const gone = await run('example.com/toy=gone');
    expect(gone.status).toBe(6);
    expect(gone.stderr).toContain(
      'error[DEVICE_UNUSABLE]: Cannot give device "example.com/toy=gone" to a step: "/dev/gone" cannot be used (ENOENT)',
    );
  });
});

function addToConfig(rig: Rig, more: object): void {
  const path = rig.env['STAGECRAFT_CONFIG'] ?? '';
  const config = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...config, ...more }));
}
