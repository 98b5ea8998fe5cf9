import { readErrorBody } from './error-body.ts';
import { LOG_IN, registryFailed } from './errors.ts';
import { openRegistries, type RegistriesConfig } from './registries.ts';
import { withRetries } from '../http/retry.ts';
import { discard } from '../http/transport.ts';

/**
 * Asks a registry whether it takes a name and password (`GET /v2/`).
 * @throws BuildError REGISTRY_*
 */
export async function checkLogin(
  registry: string,
  credentials: { readonly username: string; readonly password: string },
  access: {
    readonly registries: RegistriesConfig;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly homeDir: string;
    readonly caCerts?: readonly string[] | undefined;
  },
  signal: AbortSignal,
): Promise<void> {
  const source = 'this command';
  const kept = { kind: 'password', ...credentials, source } as const;
  const find = (host: string): Promise<typeof kept | undefined> =>
    Promise.resolve(host === registry ? kept : undefined);
  const registries = openRegistries({ ...access, credentials: { find } });
  try {
    const what = LOG_IN;
    // Above all repositories; whatever is named below, the token is thrown away.
    const request = { method: 'GET', path: '../', actions: 'pull', what } as const;
    const client = registries.clientOf(registry);
    const response = await withRetries(() => client.request('login', request, signal), signal);
    if (response.status !== 200) {
      throw registryFailed(registry, what, await readErrorBody(response, signal));
    }
    discard(response);
  } finally {
    registries.close();
  }
}
