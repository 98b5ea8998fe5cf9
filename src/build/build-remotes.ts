import type { RemoteSources } from '../sources/remote-sources.ts';
import type { BuildHost } from './build-image.ts';
import { readSecret } from './read-secret.ts';
import type { BuildRequest } from './request.ts';

/** The remote sources of one build, opened when the first is needed. */
export interface BuildRemotes extends AsyncDisposable {
  get(): Promise<RemoteSources>;
}

/** Secrets of the request are what servers are told. */
export function openBuildRemotes(
  request: BuildRequest,
  host: Pick<BuildHost, 'openRemotes'>,
): BuildRemotes {
  let opened: Promise<RemoteSources> | undefined;
  return {
    get: () => (opened ??= host.openRemotes((id) => readSecret(request, id))),
    async [Symbol.asyncDispose]() {
      await (await opened)?.[Symbol.asyncDispose]();
    },
  };
}
