import { openSandbox } from './choose-sandbox.ts';
import { sandboxContract } from './sandbox.contract.ts';

const { signal } = new AbortController();
for (const isolation of ['crun', 'runc'] as const) {
  sandboxContract(isolation, () =>
    openSandbox({ isolation, env: process.env, cacheDir: undefined, signal }),
  );
}
