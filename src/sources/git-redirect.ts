import { BuildError } from '../diagnostics/build-error.ts';
import { certificateOptions } from '../http/certificate-options.ts';
import { createTransport, discard } from '../http/transport.ts';
import type { DownloadSettings } from './download.ts';
import { gitFailed } from './errors.ts';
import type { GitRemote } from './git-remote.ts';

/** What git itself asks first. */
const FIRST_QUESTION = '/info/refs?service=git-upload-pack';

/**
 * A repository where it is now. git follows a redirect with the Authorization header that it was given for
 * the first address, wherever that leads; so redirects of remotes that have one are followed here, and
 * another origin is not told it. A remote that cannot be asked comes back as it is: git says what is wrong.
 */
export async function settleRemote(
  remote: GitRemote,
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<GitRemote> {
  const { authorization } = remote;
  if (authorization === undefined) return remote;
  const transport = createTransport({
    errors: {
      unreachable: (_host, found) => gitFailed(remote.url, found),
      untrusted: (_host, found) => gitFailed(remote.url, found),
      failed: (_host, _what, found) => gitFailed(remote.url, found),
    },
    isInsecure: () => false,
    certificates: certificateOptions(settings),
    env: settings.env,
  });
  try {
    const url = new URL(remote.url.replace(/\/+$/, '') + FIRST_QUESTION);
    // The second version answers with a few lines in place of every branch and tag.
    const headers = { 'git-protocol': 'version=2' };
    const response = await transport.send({ method: 'GET', url, headers, authorization }, signal);
    discard(response);
    return response.url.href === url.href ? remote : movedRemote(remote, response.url);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) return remote;
    throw error;
  } finally {
    transport.close();
  }
}

function movedRemote(remote: GitRemote, { href, origin, host, protocol }: URL): GitRemote {
  if (!href.endsWith(FIRST_QUESTION)) return remote;
  const url = href.slice(0, -FIRST_QUESTION.length);
  if (origin === remote.origin) return { ...remote, url };
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { url, protocol: scheme, origin, host, authorization: undefined };
}
