import { openSandbox } from './choose-sandbox.ts';
import type { SandboxSpec } from './sandbox.ts';

/**
 * A builder for tests to kill: `node --import tsx <this> <isolation> <spec as JSON>`.
 */
const [, , isolation, spec] = process.argv;
const { signal } = new AbortController();
if (isolation !== 'crun' && isolation !== 'runc' && isolation !== 'namespaces') {
  throw new TypeError('usage: <isolation> <spec>');
}
void openSandbox({ isolation, env: process.env, cacheDir: undefined, signal }).then((sandbox) =>
  sandbox.run(
    JSON.parse(spec ?? '') as SandboxSpec,
    { kind: 'captured', onOutput: () => undefined },
    signal,
  ),
);
