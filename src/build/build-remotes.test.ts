import { expect, test } from 'vitest';
import { openBuildRemotes } from './build-remotes.ts';
import type { BuildRequest } from './request.ts';

const REQUEST = { ssh: new Map(), secrets: new Map() } as unknown as BuildRequest;

test('remotes that cannot be opened fail who asks for them, and not the end of the build', async () => {
  const failure = new Error('No remotes');
  const remotes = openBuildRemotes(REQUEST, {
    runtimeDir: '/nowhere',
    openRemotes: () => Promise.reject(failure),
  });
  await expect(remotes.get()).rejects.toBe(failure);
  await expect(remotes[Symbol.asyncDispose]()).resolves.toBeUndefined();
});
