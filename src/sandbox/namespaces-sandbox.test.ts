import { openSandbox } from './choose-sandbox.ts';
import { sandboxContract } from './sandbox.contract.ts';

sandboxContract('namespaces', () =>
  openSandbox({
    isolation: 'namespaces',
    env: process.env,
    cacheDir: undefined,
    signal: new AbortController().signal,
  }),
);
