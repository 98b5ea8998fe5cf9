import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errorOf, textsOf } from '../testing/build-errors.ts';
import { enterUserNamespace } from './user-namespace.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'user-namespace-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** What is said where `unshare` is a program that does this. */
function refusal(script: string): readonly string[] {
  writeFileSync(join(dir, 'unshare'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const env = { PATH: dir, KUBERNETES_SERVICE_HOST: 'here' };
  return textsOf(errorOf(() => enterUserNamespace(['true'], env, 'nobody-of-this-name', 4242)));
}

test('a namespace that is forbidden names what to allow', () => {
  expect(refusal('echo "unshare: unshare failed: Operation not permitted" >&2; exit 1')).toEqual([
    'USER_NAMESPACE_DENIED',
    'Cannot build as an ordinary user: unshare: unshare failed: Operation not permitted',
    'Give this container the securityContext: seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}',
  ]);
});

test.each(['newuidmap', 'newgidmap'])('%s that cannot be started names its package', (program) => {
  const said = `unshare: failed to execute ${program}: No such file or directory`;
  expect(refusal(`echo "${said}" >&2; exit 1`)).toEqual([
    'USER_NAMESPACE_DENIED',
    `Cannot build as an ordinary user: ${said}`,
    'Install the package "uidmap" (elsewhere "shadow-utils"), for example: apt-get install uidmap',
  ]);
});

test('programs outside of a short PATH are found', () => {
  const [, message] = refusal('echo "$PATH" >&2; exit 1');
  expect(message).toBe(`Cannot build as an ordinary user: ${dir}:/usr/bin:/bin:/usr/sbin`);
});
