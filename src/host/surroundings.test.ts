import { expect, test } from 'vitest';
import { findSurroundings, namespaceRemedy } from './surroundings.ts';

test.each([
  ['kubernetes', { KUBERNETES_SERVICE_HOST: '10.0.0.1' }, ['/.dockerenv']],
  ['podman', {}, ['/run/.containerenv']],
  ['docker', {}, ['/.dockerenv']],
  ['host', {}, []],
] as const)('findSurroundings() tells %s', (expected, env, files: readonly string[]) => {
  expect(findSurroundings(env, (path) => files.includes(path))).toBe(expected);
});

test('namespaceRemedy() names the flags of the program that made the container', () => {
  expect(namespaceRemedy('docker')).toBe(
    'Start this container with: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined',
  );
  expect(namespaceRemedy('kubernetes')).toContain('seccompProfile: {type: Unconfined}');
});
