import { expect, test } from 'vitest';
import { DEFAULT_CAPABILITIES } from './capabilities.ts';
import { deviceNumbers, runtimeSpec } from './runtime-spec.ts';
import type { SandboxSpec } from './sandbox.ts';
import { ociSeccomp, resolveSeccomp } from './seccomp.ts';

const spec: SandboxSpec = {
  id: 'x',
  rootfs: '/r',
  args: ['true'],
  env: ['A=1'],
  cwd: '/w',
  user: { uid: 1, gid: 2, groups: [2, 3], home: '/' },
  hostname: 'h',
  mounts: [{ type: 'bind', source: '/s', target: '/t', isReadonly: true }],
  network: { kind: 'namespace', path: '/n' },
  shmBytes: 1024,
  stopTimeoutMs: 0,
};
const host = {
  seccomp: ociSeccomp(resolveSeccomp('amd64', DEFAULT_CAPABILITIES)),
  annotations: {},
  isUserNamespace: false,
  hasTtyGroup: true,
  canSetGroups: true,
  cgroupsPath: undefined,
  hasCgroupV2: false,
  isTerminal: false,
  boundingCapabilities: 0x1ffffffffffn,
  hardCoreLimit: 4096,
};

test('runtimeSpec() gives the process what the spec names and no inheritable capability', () => {
  expect(runtimeSpec(spec, host)).toMatchObject({
    process: {
      args: ['true'],
      env: ['A=1'],
      cwd: '/w',
      user: { uid: 1, gid: 2, additionalGids: [2, 3], umask: 0o022 },
      capabilities: { bounding: DEFAULT_CAPABILITIES, inheritable: [], ambient: [] },
      rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 4096 }],
      noNewPrivileges: false,
    },
    annotations: {},
    linux: {
      namespaces: [
        { type: 'mount' },
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'cgroup' },
        { type: 'network', path: '/n' },
      ],
    },
  });
});

test('runtimeSpec() binds /sys in a user namespace that shares its network, and mounts it elsewhere', () => {
  const sysOf = (isUserNamespace: boolean, kind: 'host' | 'none'): unknown => {
    const { mounts } = runtimeSpec(
      { ...spec, network: { kind } },
      { ...host, isUserNamespace },
    ) as { mounts: { destination: string; type: string }[] };
    return mounts.find(({ destination }) => destination === '/sys')?.type;
  };
  expect([sysOf(true, 'host'), sysOf(true, 'none'), sysOf(false, 'host')]).toEqual([
    'bind',
    'sysfs',
    'sysfs',
  ]);
});

test('runtimeSpec() lets a step open a device that it was given, and no more', () => {
  const device = { source: '/dev/zero', target: '/dev/x', devicePermissions: 'r' };
  const mounts = [{ type: 'bind', isReadonly: false, ...device }] as const;
  const made = runtimeSpec({ ...spec, mounts }, { ...host, cgroupsPath: '/x' });
  const { linux } = made as { linux: { resources: { devices: readonly object[] } } };
  expect(linux.resources.devices.at(0)).toEqual({ allow: false, access: 'rwm' });
  expect(linux.resources.devices.at(-1)).toEqual({
    ...{ allow: true, type: 'c', access: 'r' },
    ...{ major: 1, minor: 5 },
  });
});

test.each([
  [0x105, [1, 5]],
  [0x1030702, [0x307, 0x1002]],
  [259 * 256 + 3, [259, 3]],
])('deviceNumbers(%i) are %j', (rdev, expected) => {
  expect(deviceNumbers(rdev)).toEqual(expected);
});
