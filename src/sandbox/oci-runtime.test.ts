import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { findProgram } from '../host/child-process.ts';
import { openSandbox } from './choose-sandbox.ts';
import { prepareRoot } from './mount-targets.ts';
import { canRunSteps, makeBusyboxRoot } from './sandbox-rig.fixture.ts';
import { sandboxContract } from './sandbox.contract.ts';

const { signal } = new AbortController();
for (const isolation of ['crun', 'runc'] as const) {
  sandboxContract(isolation, () =>
    openSandbox({ isolation, env: process.env, cacheDir: undefined, signal }),
  );

  test.runIf(canRunSteps)(
    `${isolation} cannot write to the host, whatever leads it there`,
    async () => {
      const dir = mkdtempSync(path.join(tmpdir(), 'misled-runtime-'));
      try {
        const [host, bin] = [path.join(dir, 'host'), path.join(dir, 'bin')];
        for (const folder of [host, bin]) mkdirSync(folder);
        const rootfs = makeBusyboxRoot(dir);
        const real = findProgram(isolation) ?? '';
        // Asked for its version it runs outside of a step, and writes to the host.
        const script = `#!/bin/sh
mkdir -p "${host}/by-$#" 2>/dev/null
exec ${real} "$@"
`;
        writeFileSync(path.join(bin, isolation), script, { mode: 0o755 });
        const env = { ...process.env, PATH: bin };
        const sandbox = await openSandbox({ isolation, env, cacheDir: undefined, signal });
        prepareRoot(rootfs, { path: '/', uid: 0, gid: 0 }, [{ path: '/cache', type: 'directory' }]);
        const source = path.join(dir, 'cache');
        mkdirSync(source);
        const exit = await sandbox.run(
          {
            id: `misled-${process.pid}`,
            rootfs,
            args: ['sh', '-c', 'touch /in-root /cache/new'],
            env: ['PATH=/bin'],
            cwd: '/',
            user: { uid: 0, gid: 0, groups: [0], home: '/' },
            hostname: 'step',
            mounts: [{ type: 'bind', source, target: '/cache', isReadonly: false }],
            network: { kind: 'host' },
            shmBytes: 65_536,
            stopTimeoutMs: 0,
          },
          { kind: 'captured', onOutput: () => undefined },
          signal,
        );
        expect(exit).toEqual({ kind: 'exited', status: 0 });
        expect(readdirSync(host)).toEqual(['by-1']);
        expect(readdirSync(source)).toEqual(['new']);
        expect(readdirSync(rootfs)).toContain('in-root');
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    },
  );
}
