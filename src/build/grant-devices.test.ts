import { expect, test } from 'vitest';
import type { HostDevice, HostDevices } from '../devices/host-devices.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import { grantDevices } from './grant-devices.ts';
import type { Entitlement } from './request.ts';

const NO_EDITS = { env: [], nodes: [], mounts: [], groups: [], hookCount: 0 };
const device = (name: string, isAllowed = false): HostDevice => ({
  name: `v/c=${name}`,
  kind: 'v/c',
  deviceClass: undefined,
  isAllowed,
  edits: [NO_EDITS, { ...NO_EDITS, hookCount: 2 }],
});
const all = [device('a'), device('b'), device('free', true)];
const host: HostDevices = {
  all,
  problems: [],
  find: (name) => all.filter((each) => name === each.name || name === 'v/c=*'),
};

async function grant(
  name: string,
  allowed: readonly Entitlement[],
  { isRequired = false, from = host } = {},
): Promise<{ names: readonly string[] | undefined; notes: readonly string[] }> {
  const op = { kind: 'exec', devices: [{ name, isRequired }] };
  const graph = { ops: [op], metadata: [{ span: undefined }] } as unknown as OpGraph;
  const notes: string[] = [];
  const granted = await grantDevices(
    graph,
    { entitlements: new Set(allowed) },
    { devices: () => Promise.resolve(from), note: (text) => notes.push(text) },
  );
  return { names: granted.get(name)?.map((each) => each.name), notes };
}

test.each<[string, readonly Entitlement[], readonly string[]]>([
  ['v/c=a', ['device'], ['v/c=a']],
  ['v/c=a', ['device=v/c=a'], ['v/c=a']],
  ['v/c=*', ['device=v/c=*'], ['v/c=a', 'v/c=b', 'v/c=free']],
  ['mine', ['device=v/c=b,alias=mine'], ['v/c=b']],
  ['v/c=free', [], ['v/c=free']],
])('%s with --allow %j gives %j', async (name, allowed, expected) => {
  expect((await grant(name, allowed)).names).toEqual(expected);
});

test.each<[string, readonly Entitlement[], string]>([
  ['v/c=a', [], 'v/c=a'],
  ['v/c=*', ['device=v/c=a'], 'v/c=b'],
  ['v/c=b', ['device=v/c=b,alias=mine'], 'v/c=b'],
  ['v/c=a', ['security.insecure'], 'v/c=a'],
])('%s with --allow %j is refused for %s', async (name, allowed, refused) => {
  await expect(grant(name, allowed)).rejects.toEqual(
    expect.objectContaining({
      code: 'ENTITLEMENT_MISSING',
      message: `Cannot run this step: it needs "device=${refused}", which is not allowed`,
      hint: `Add --allow device=${refused} if you trust this Dockerfile`,
    }),
  );
});

test('What is not there and not required is left out with a word', async () => {
  expect(await grant('v/c=x', [])).toEqual({
    names: [],
    notes: ['No device "v/c=x" is described on this machine: steps run without it'],
  });
});

test('Hooks that are not run are told of', async () => {
  const { notes } = await grant('v/c=a', ['device']);
  expect(notes).toEqual(['Device "v/c=a": 2 hooks of its specification are not run']);
});

test.each<[string, Partial<HostDevices>, string]>([
  ['the devices that are there', {}, 'Devices here: "v/c=a", "v/c=b", "v/c=free"'],
  [
    'the first of many devices',
    { all: Array.from({ length: 10 }, (_, i) => device(String(i))) },
    `Devices here: ${[0, 1, 2, 3, 4, 5, 6, 7].map((i) => `"v/c=${i}"`).join(', ')} and 2 more`,
  ],
  ['a file that is broken', { problems: ['/x: no'] }, 'A description could not be used: /x: no'],
  [
    'where descriptions are put',
    { all: [] },
    'Put a specification of the Container Device Interface into /etc/cdi',
  ],
])('A required device that is not there is an error with %s', async (_what, change, hint) => {
  const error: unknown = await grant('v/c=x', [], {
    isRequired: true,
    from: { ...host, ...change },
  }).catch((each: unknown) => each);
  if (!(error instanceof BuildError)) throw new Error('Nothing was refused');
  expect([error.code, error.message, error.hint]).toEqual([
    'DEVICE_NOT_FOUND',
    'Cannot run this step: required device "v/c=x" is not described on this machine',
    hint,
  ]);
});

test('A graph without devices asks for none', async () => {
  const devices = (): never => {
    throw new Error('asked');
  };
  const graph = { ops: [{ kind: 'exec' }], metadata: [] } as unknown as OpGraph;
  const granted = await grantDevices(
    graph,
    { entitlements: new Set() },
    { devices, note: () => undefined },
  );
  expect(granted.size).toBe(0);
});
