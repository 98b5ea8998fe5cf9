import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expandWord } from './expand.ts';
import { parseRunDevice } from './run-device.ts';
import { parseRunMount, type RunMount, type RunMountResult } from './run-mount.ts';

const file = { path: 'Dockerfile', text: '' };

function parse(raw: string): RunMountResult {
  const word = { raw, span: { file, start: 3, end: 9 } };
  return parseRunMount(word, (value) =>
    expandWord(value, (name) => (name === 'ID' ? 'npm' : undefined)),
  );
}

function mount(raw: string): Partial<RunMount> {
  const result = parse(raw);
  if (!result.ok) throw new Error(result.diagnostic.message);
  return Object.fromEntries(
    Object.entries(result.mount).filter(([, value]) => value !== undefined && value !== false),
  );
}

describe('parseRunMount()', () => {
  test.each<[string, Partial<RunMount>]>([
    ['target=/a', { type: 'bind', target: '/a', isReadOnly: true }],
    ['dst=/a,rw', { type: 'bind', target: '/a' }],
    ['destination=a,readonly=false', { type: 'bind', target: 'a' }],
    [
      'type=bind,from=build,src=/x,target=/a,readwrite=0',
      { type: 'bind', from: 'build', source: '/x', target: '/a', isReadOnly: true },
    ],
    [
      'TYPE=Cache,id=$ID,target=/a,sharing=Locked,mode=0750,uid=1000,gid=0',
      {
        type: 'cache',
        id: 'npm',
        target: '/a',
        sharing: 'locked',
        mode: 0o750,
        uid: 1000,
        gid: 0,
      },
    ],
    ['type=cache,target=/a,ro', { type: 'cache', target: '/a', isReadOnly: true }],
    ['type=tmpfs,target=/a,size=1.5g', { type: 'tmpfs', target: '/a', sizeBytes: 1_610_612_736 }],
    [
      'type=secret,id=a,required,env=',
      { type: 'secret', id: 'a', isRequired: true, env: '', isReadOnly: true },
    ],
    ['type=ssh,required=true', { type: 'ssh', isRequired: true, isReadOnly: true }],
    ['"target=/a,b",from=', { type: 'bind', target: '/a,b', isReadOnly: true }],
  ])('reads %s', (raw, expected) => {
    expect(mount(raw)).toEqual(expected);
  });

  test.each<[string, string, string?]>([
    ['', 'failed to parse csv mounts: EOF'],
    ['target=/a,x', "invalid field 'x' must be a key=value pair"],
    ['target=/a,', "invalid field '' must be a key=value pair"],
    ['type=bnd', 'unsupported mount type "bnd"', 'bind'],
    ['type=cache,sharing=loked', 'unsupported sharing value "loked"', 'locked'],
    ['tarhget=/a', "unexpected key 'tarhget' in 'tarhget=/a'", 'target'],
    ['ro=maybe', 'invalid value for ro: maybe'],
    ['rw=2', 'invalid value for rw: 2'],
    ['required,type=secret', "unexpected key 'required' for mount type 'bind'"],
    ['type=cache,required=true', "unexpected key 'required' for mount type 'cache'"],
    ['type=ssh,required=yes', 'invalid value for required: yes'],
    ['size=1m', "unexpected key 'size' for mount type 'bind'"],
    ['type=tmpfs,size=1e99', 'invalid value for size: 1e99'],
    ['type=tmpfs,size=-1', 'invalid value for size: -1'],
    ['type=cache,mode=8', 'invalid value 8 for mode'],
    ['type=cache,mode=77777', 'invalid value 77777 for mode'],
    ['type=cache,uid=-1', 'invalid value -1 for uid'],
    ['type=cache,gid=4294967295', 'invalid value 4294967295 for gid'],
    ['target=/a,mode=700', 'mode not allowed for "bind" type mounts'],
    ['type=tmpfs,target=/a,uid=1', 'uid not allowed for "tmpfs" type mounts'],
    ['gid=1,target=/a', 'gid not allowed for "bind" type mounts'],
    ['type=secret,id=a,from=b', 'secret mount should not have a from'],
    ['type=secret,id=a,sharing=shared', 'secret mount should not define sharing'],
    ['type=secret', 'invalid secret mount. one of source, target required'],
    ['type=secret,id=a,source=b', "both source and id can't be set"],
    ['sharing=private,target=/a', 'invalid cache sharing set for bind mount'],
    ['target=/a/..', 'invalid mount target "/"'],
    ['target=${x:?gone}', 'x: gone'],
    [
      'target=/a,rw,bind-propagation=suid',
      "unexpected key 'bind-propagation' in 'bind-propagation=suid'",
    ],
  ])('D05, D09 refuses %j', (raw, message, similar) => {
    expect(parse(raw)).toEqual({
      ok: false,
      diagnostic: {
        severity: 'error',
        code: 'INVALID_MOUNT',
        message: `Cannot parse RUN --mount: ${message}`,
        span: { file, start: 3, end: 9 },
        hint: similar === undefined ? undefined : `Did you mean "${similar}"?`,
      },
    });
  });

  test('never throws', () => {
    const part = fc.constantFrom(
      'type',
      'cache',
      '=',
      ',',
      '"',
      'id',
      'size',
      '1',
      '$x',
      '${',
      'ro',
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        expect(typeof parse(parts.join('')).ok).toBe('boolean');
      }),
    );
  });
});

describe('parseRunDevice()', () => {
  test.each([
    ['vendor.com/gpu=all', { name: 'vendor.com/gpu=all', isRequired: false }],
    ['gpu,required', { name: 'gpu', isRequired: true }],
    ['required=false,name=gpu', { name: 'gpu', isRequired: false }],
  ])('reads %s', (raw, device) => {
    expect(parseRunDevice(raw)).toEqual({ ok: true, device });
  });

  test.each([
    ['a,b', "invalid field 'b' must be a key=value pair"],
    ['a,name=b', 'device name already set to a'],
    ['a,required=x', 'invalid value for required: x'],
    ['a,nme=x', "unexpected key 'nme' in 'nme=x'"],
    [
      'a"',
      'failed to parse csv devices: parse error on line 1, column 2: bare " in non-quoted field',
    ],
  ])('refuses %s', (raw, message) => {
    expect(parseRunDevice(raw)).toMatchObject({ ok: false, message });
  });
});
