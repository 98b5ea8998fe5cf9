import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readHostDevices, type HostDevices } from './host-devices.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'devices-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** Writes files (`etc/a.yaml` → text) and reads the directories `etc` and `run`. */
async function read(files: Readonly<Record<string, string>>): Promise<HostDevices> {
  for (const name of ['etc', 'run']) mkdirSync(join(dir, name), { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(dir, path), text);
  return readHostDevices(['etc', 'run', 'missing'].map((name) => join(dir, name)));
}

const YAML = `cdiVersion: "0.6.0"
kind: vendor1.com/device
annotations:
  org.mobyproject.buildkit.device.autoallow: true
containerEdits:
  env: [SHARED=1]
devices:
  - name: foo
    containerEdits:
      env: [FOO=injected]
      deviceNodes:
        - path: /dev/vendor/foo
          hostPath: /dev/zero
          permissions: r
        - {path: /dev/other}
      mounts:
        - {hostPath: /usr/lib/foo, containerPath: /usr/lib/foo, options: [ro, nosuid, bind]}
      additionalGids: [44]
      hooks:
        - {hookName: createContainer, path: /bin/true}
  - name: 0
    annotations:
      org.mobyproject.buildkit.device.class: class1
      org.mobyproject.buildkit.device.autoallow: "false"
`;
const json = (kind: string, devices: readonly object[]): string =>
  JSON.stringify({ cdiVersion: '1.1.0', kind, devices });

describe('readHostDevices()', () => {
  test('reads what devices add, that of their file first', async () => {
    const { all, problems } = await read({ 'etc/a.yaml': YAML });
    expect(problems).toEqual([]);
    expect(all).toEqual([
      {
        name: 'vendor1.com/device=0',
        kind: 'vendor1.com/device',
        deviceClass: 'class1',
        isAllowed: false,
        edits: [
          { env: ['SHARED=1'], nodes: [], mounts: [], groups: [], hookCount: 0 },
          { env: [], nodes: [], mounts: [], groups: [], hookCount: 0 },
        ],
      },
      {
        name: 'vendor1.com/device=foo',
        kind: 'vendor1.com/device',
        deviceClass: undefined,
        isAllowed: true,
        edits: [
          { env: ['SHARED=1'], nodes: [], mounts: [], groups: [], hookCount: 0 },
          {
            env: ['FOO=injected'],
            nodes: [
              { path: '/dev/vendor/foo', hostPath: '/dev/zero', permissions: 'r' },
              { path: '/dev/other', hostPath: '/dev/other', permissions: 'rwm' },
            ],
            mounts: [{ hostPath: '/usr/lib/foo', path: '/usr/lib/foo', isReadonly: true }],
            groups: [44],
            hookCount: 1,
          },
        ],
      },
    ]);
  });

  test.each<[string, readonly string[]]>([
    ['v/c=b', ['v/c=b']],
    ['v/c', ['v/c=a']],
    ['v/c=*', ['v/c=a', 'v/c=b']],
    ['gpu', ['v/c=b', 'v/d=x']],
    ['v/c=nope', []],
    ['v/e=*', []],
    ['', []],
  ])('finds by the name "%s" %j', async (name, expected) => {
    const annotations = { 'org.mobyproject.buildkit.device.class': 'gpu' };
    const devices = await read({
      'etc/c.json': json('v/c', [{ name: 'b', annotations }, { name: 'a' }]),
      'etc/d.json': json('v/d', [{ name: 'x', annotations }]),
    });
    expect(devices.find(name).map((device) => device.name)).toEqual(expected);
  });

  test('takes a device from the later directory, and none that is twice in one', async () => {
    const withEnv = (env: string): string =>
      json('v/c', [{ name: 'a', containerEdits: { env: [env] } }]);
    const later = await read({ 'etc/a.json': withEnv('A=1'), 'run/z.json': withEnv('A=2') });
    expect(later.find('v/c=a')[0]?.edits[1]?.env).toEqual(['A=2']);

    const twice = await read({ 'run/y.json': withEnv('A=3') });
    expect(twice.all).toEqual([]);
    expect(twice.problems).toEqual([`${join(dir, 'run')} describes v/c=a more than once`]);
  });

  test('looks at no other files, and no further down', async () => {
    mkdirSync(join(dir, 'etc/sub'), { recursive: true });
    const spec = json('v/c', [{ name: 'a' }]);
    const { all } = await read({ 'etc/a.yml': spec, 'etc/a.txt': spec, 'etc/sub/a.json': spec });
    expect(all).toEqual([]);
  });

  test.each<[string, string]>([
    ['{', 'it is not JSON'],
    ['[]', 'the file must be an object'],
    ['{}', 'cdiVersion must be a text'],
    ['{"cdiVersion":"one"}', 'unknown cdiVersion "one"'],
    ['{"cdiVersion":"0.5.0","kind":"v"}', 'kind "v" is not of the form vendor/class'],
    ['{"cdiVersion":"0.5.0","kind":"v/c","devices":[]}', 'it has no devices'],
    [json('v/c', [{ name: 'a' }, { name: 'a' }]), 'device "a" is there twice'],
    [json('v/c', [{ name: 'a b' }]), '"a b" is not a name of a device'],
    [edits({ env: ['A'] }), 'env "A" is not of the form NAME=value'],
    [edits({ env: 'A=b' }), 'env must be a list'],
    [edits({ deviceNodes: [{ path: 'dev/x' }] }), notAbsolute('path of deviceNodes', 'dev/x')],
    [
      edits({ deviceNodes: [{ path: '/dev/x', type: 'q' }] }),
      'device node "/dev/x" is of the unknown type "q"',
    ],
    [
      edits({ deviceNodes: [{ path: '/dev/x', permissions: 'x' }] }),
      'device node "/dev/x" has the permissions "x"',
    ],
    [
      edits({ mounts: [{ hostPath: '/a/../b', containerPath: '/c' }] }),
      notAbsolute('hostPath', '/a/../b'),
    ],
    [
      edits({ mounts: [{ hostPath: '/a', containerPath: '/c', type: 'nfs' }] }),
      'mount "/c" is of the type "nfs", only bind is possible',
    ],
    [edits({ additionalGids: [-1] }), '-1 is not a group'],
  ])('leaves out %s and says why', async (text, expected) => {
    const { all, problems } = await read({ 'etc/a.json': text });
    expect([all, problems]).toEqual([[], [`${join(dir, 'etc/a.json')}: ${expected}`]]);
  });

  test('gives up on YAML that grows without end', async () => {
    const levels = Array.from({ length: 12 }, (_, i) =>
      i === 0
        ? 'l0: &l0 [x]'
        : `l${i}: &l${i} [${Array(10)
            .fill(`*l${i - 1}`)
            .join(', ')}]`,
    );
    const { problems } = await read({ 'etc/a.yaml': `${levels.join('\n')}\n` });
    expect(problems).toEqual([
      `${join(dir, 'etc/a.yaml')}: Excessive alias count indicates a resource exhaustion attack`,
    ]);
  });
});

function edits(containerEdits: object): string {
  return json('v/c', [{ name: 'a', containerEdits }]);
}

function notAbsolute(what: string, path: string): string {
  return `${what} "${path}" is not an absolute path without ".."`;
}
