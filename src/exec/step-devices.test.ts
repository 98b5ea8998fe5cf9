import { expect, test } from 'vitest';
import type { CdiEdits } from '../devices/cdi-spec.ts';
import { deviceParts } from './step-devices.ts';

const NONE: CdiEdits = { env: [], nodes: [], mounts: [], groups: [], hookCount: 0 };
const device = (...edits: CdiEdits[]): Parameters<typeof deviceParts>[0][number] => ({
  name: 'v/c=a',
  kind: 'v/c',
  deviceClass: undefined,
  isAllowed: true,
  edits,
});
const node = (hostPath: string): CdiEdits => ({
  ...NONE,
  nodes: [{ hostPath, path: '/dev/x/y', permissions: 'rw' }],
});

test('deviceParts() adds what devices share once', () => {
  const shared = { ...NONE, env: ['A=1'], groups: [5] };
  const mounts = [{ hostPath: '/etc', path: '/x', isReadonly: true }];
  const parts = deviceParts(
    [device(shared, node('/dev/zero')), device(shared, { ...NONE, mounts })],
    undefined,
  );
  expect(parts).toEqual({
    mounts: [
      {
        mount: {
          type: 'bind',
          source: '/dev/zero',
          target: '/dev/x/y',
          isReadonly: false,
          devicePermissions: 'rw',
        },
        targetType: 'file',
      },
      {
        mount: { type: 'bind', source: '/etc', target: '/x', isReadonly: true },
        targetType: 'directory',
      },
    ],
    env: ['A=1'],
    groups: [5],
  });
});

test.each([
  ['/dev/null/none', '"/dev/null/none" cannot be used (ENOTDIR)'],
  ['/etc/passwd', '"/etc/passwd" is no device node'],
])('deviceParts() refuses the node %s', (hostPath, found) => {
  expect(() => deviceParts([device(node(hostPath))], undefined)).toThrow(
    expect.objectContaining({
      code: 'DEVICE_UNUSABLE',
      message: `Cannot give device "v/c=a" to a step: ${found}`,
      hint: 'Write the specification of the device anew, for example with the tool of its vendor',
    }) as Error,
  );
});
