import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeCgroup, sweepCgroups } from './cgroups.ts';
import { describeHost, openSandbox } from './choose-sandbox.ts';
import { noSandbox } from './errors.ts';
import { readHostFacts } from './host-facts.ts';
import { probeRuntime } from './probe-runtime.ts';
import { canRunSteps } from './sandbox-rig.fixture.ts';
import type { SandboxSpec } from './sandbox.ts';
import { cgroupProblem, openStepCgroup } from './step-cgroup.ts';
import { makeStepDir, sweepStepDirs } from './step-dir.ts';

const { signal } = new AbortController();
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'choose-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('probeRuntime()', () => {
  const host = readHostFacts(process.env);

  test('says why a runtime that is installed is skipped', async () => {
    const script = '#!/bin/sh\necho crun version 9.9\n[ "$1" = --version ] || exit 1\n';
    writeFileSync(path.join(dir, 'crun'), script, { mode: 0o755 });
    const probe = await probeRuntime('crun', { host, searchPath: dir, cacheDir: dir }, signal);
    expect(probe).toMatchObject({ name: 'crun', isUsable: false });
    expect(probe.isUsable ? '' : probe.reason).toMatch(/^crun 9\.9 does not start here: /);
    expect(readdirSync(dir)).toEqual(['crun']);
  });

  test('says which processors have no launcher', async () => {
    const other = { ...host, launcher: undefined, architecture: 'riscv64' };
    const probe = await probeRuntime(
      'runc',
      { host: other, searchPath: dir, cacheDir: undefined },
      signal,
    );
    expect(probe).toEqual({ name: 'runc', isUsable: false, reason: 'no launcher for riscv64' });
  });
});

const SPEC: Omit<SandboxSpec, 'rootfs'> = {
  id: 'choose',
  args: ['/bin/true'],
  env: [],
  cwd: '/',
  user: { uid: 0, gid: 0, groups: [0], home: '/' },
  hostname: 'choose',
  mounts: [],
  network: { kind: 'host' },
  shmBytes: 65_536,
  stopTimeoutMs: 0,
};

describe.skipIf(!canRunSteps)('openSandbox()', () => {
  test('remembers that a runtime works, and asks again when the memory is damaged', async () => {
    const options = { isolation: 'oci', env: process.env, cacheDir: dir, signal } as const;
    const first = await openSandbox(options);
    const files = readdirSync(dir);
    const again = await openSandbox(options);
    expect([again.name, again.description]).toEqual([first.name, first.description]);
    for (const file of files) writeFileSync(path.join(dir, file), '{"key":');
    expect((await openSandbox(options)).name).toBe(first.name);
  });

  test('tries namespaces once, and again after a step could not be started', async () => {
    const options = { isolation: 'namespaces', env: process.env, cacheDir: dir, signal } as const;
    const before = await openSandbox(options);
    expect(readdirSync(dir)).toEqual(['probe-namespaces.json']);
    const { ino } = statSync(path.join(dir, 'probe-namespaces.json'));
    const sandbox = await openSandbox(options);
    expect(sandbox.description).toBe(before.description);
    expect(statSync(path.join(dir, 'probe-namespaces.json')).ino).toBe(ino);

    const io = { kind: 'captured', onOutput: () => undefined } as const;
    const nowhere = { ...SPEC, rootfs: path.join(dir, 'nowhere') };
    await expect(sandbox.run(nowhere, io, signal)).rejects.toMatchObject({ code: 'SANDBOX_START' });
    expect(readdirSync(dir)).toEqual([]);
  });

  test('is described with all alternatives and one default', async () => {
    const host = await describeHost({ env: process.env, signal });
    expect(host.sandboxes.map(({ name }) => name)).toEqual(['namespaces', 'crun', 'runc']);
    expect(host.sandboxes.filter(({ isDefault }) => isDefault)).toHaveLength(1);
    const chosen = await openSandbox({ isolation: 'auto', env: {}, cacheDir: dir, signal });
    expect(host.sandboxes.find(({ isDefault }) => isDefault)?.name).toBe(chosen.name);
  });
});

test.each([
  ['auto', ['crun is not installed'], 'Install crun or runc with your package manager'],
  [
    'auto',
    ['namespaces do not work here: making namespaces failed with EPERM', 'crun is not installed'],
    'Allow user namespaces',
  ],
  ['runc', ['runc is not installed'], 'Use --isolation=auto'],
])('noSandbox() for "%s" and %j hints at what helps', (wanted, reasons, hint) => {
  const error = noSandbox(wanted, reasons, 'Allow user namespaces');
  expect([error.message, error.hint]).toEqual([
    `Cannot run steps with isolation "${wanted}": ${reasons.join('; ')}`,
    hint,
  ]);
});

test('sweepStepDirs() removes what killed builds left, and nothing of living ones', () => {
  using living = makeStepDir(dir);
  // Of a version that made no locks; it may be in use.
  const OLD = 'stagecraft-step-4999999-d';
  // A build in a container, whose processes have other numbers there.
  const elsewhere = makeStepDir(dir);
  const name = 'stagecraft-step.4999999-a';
  renameSync(elsewhere.path, path.join(dir, name));
  for (const left of [
    'stagecraft-step.4999999-b',
    `stagecraft-step.${process.pid}-c`,
    'other',
    OLD,
  ]) {
    mkdirSync(path.join(dir, left, 'state'), { recursive: true });
  }
  sweepStepDirs(dir);
  expect(readdirSync(dir)).toEqual(['other', OLD, name, path.basename(living.path)].sort());
  elsewhere.release();
  sweepStepDirs(dir);
  expect(readdirSync(dir)).toEqual(['other', OLD, path.basename(living.path)]);
});

test('sweepStepDirs() leaves alone what is no directory', () => {
  const [outside, link] = [path.join(dir, 'outside'), path.join(dir, 'stagecraft-step.1-a')];
  mkdirSync(outside);
  symlinkSync(outside, link);
  writeFileSync(path.join(dir, 'stagecraft-step.1-b'), '');
  sweepStepDirs(dir);
  expect(readdirSync(dir)).toEqual(['outside', 'stagecraft-step.1-a', 'stagecraft-step.1-b']);
});

test.runIf(canRunSteps && cgroupProblem({ pids: 10 }) === undefined)(
  'sweepCgroups() removes what killed builds left, and nothing of containers',
  () => {
    // A hierarchy in which this process may make some.
    using made = openStepCgroup('sweep', { pids: 10 });
    const own = path.dirname(made.entrances[0] ?? '');
    const here = statSync('/proc/self/ns/pid').ino;
    const [left, elsewhere] = [here, here + 1].map((namespace) =>
      path.join(path.dirname(own), `stagecraft-4999999-${namespace}-a`),
    ) as [string, string];
    for (const cgroup of [left, elsewhere]) mkdirSync(cgroup);
    try {
      sweepCgroups();
      expect([own, left, elsewhere].map((cgroup) => existsSync(cgroup))).toEqual([
        true,
        false,
        true,
      ]);
    } finally {
      for (const cgroup of [left, elsewhere]) removeCgroup(cgroup);
    }
  },
);

test('sweepCgroups() does no harm where there are none', () => {
  expect(() => {
    sweepCgroups();
  }).not.toThrow();
});
