import type { RemoteAccess, RemoteSources } from '../sources/remote-sources.ts';
import type { BuildHost } from './build-image.ts';
import { openGitAgent } from './git-agent.ts';
import { readSecret } from './read-secret.ts';
import type { BuildRequest } from './request.ts';

/** The remote sources of one build, opened when the first is needed. */
export interface BuildRemotes extends AsyncDisposable {
  get(): Promise<RemoteSources>;
}

/** Secrets of the request, and keys of its `--ssh`, are what servers are told. */
export function openBuildRemotes(
  request: BuildRequest,
  host: Pick<BuildHost, 'openRemotes' | 'runtimeDir'>,
): BuildRemotes {
  const agent = openGitAgent(request.ssh, host.runtimeDir);
  const access: RemoteAccess = {
    secret: (id) => readSecret(request, id),
    sshSocket: (signal) => agent.socket(signal),
  };
  let opened: Promise<RemoteSources> | undefined;
  return {
    get: () => (opened ??= host.openRemotes(access)),
    async [Symbol.asyncDispose]() {
      await using _agent = agent;
      // Who asked for them was told why they cannot be opened.
      const remotes = await opened?.catch(() => undefined);
      await remotes?.[Symbol.asyncDispose]();
    },
  };
}
