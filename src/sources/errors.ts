import { BuildError } from '../diagnostics/build-error.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { withoutCredentials } from './shown-url.ts';

const MAX_SHOWN_CHARACTERS = 600;

/** Text of servers and of git, fit for a message: one line, no credentials, the end kept. */
function shown(text: string): string {
  const line = visibleLine(withoutCredentials(text.replace(/\s*\n\s*/g, '; ').trim()));
  return line.length > MAX_SHOWN_CHARACTERS ? `…${line.slice(-MAX_SHOWN_CHARACTERS)}` : line;
}

/** Repositories are fetched with the program git of this host. */
export function gitMissing(url: string): BuildError {
  return new BuildError({
    code: 'GIT_MISSING',
    class: 'host',
    message: `Cannot fetch "${shown(url)}": git is not installed`,
    hint: 'Install git on this machine',
  });
}

/** git or the server behind it says no. */
export function gitFailed(url: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'GIT_FETCH_FAILED',
    class: 'registry',
    message: `Cannot fetch "${shown(url)}": ${shown(found)}`,
    hint,
  });
}

/** A branch, tag or commit that the repository does not have. */
export function gitRefNotFound(url: string, ref: string, similar: string | undefined): BuildError {
  return new BuildError({
    code: 'GIT_REF_NOT_FOUND',
    class: 'input',
    message: `Cannot fetch "${shown(url)}": the repository has no branch, tag or commit "${shown(ref)}"`,
    hint: similar === undefined ? undefined : `Did you mean "${shown(similar)}"?`,
  });
}

/** `--checksum` names another commit than the branch or tag leads to. */
export function gitChecksumMismatch(url: string, expected: string, commit: string): BuildError {
  return new BuildError({
    code: 'GIT_CHECKSUM_MISMATCH',
    class: 'input',
    message: `Cannot use "${shown(url)}": it leads to commit "${commit}", and "${shown(expected)}" is expected`,
    hint: 'Correct the checksum, or name the commit itself after "#"',
  });
}

/** The part after the colon of `#ref:directory`. */
export function gitSubdirNotFound(url: string, subdir: string, found: string): BuildError {
  return new BuildError({
    code: 'GIT_SUBDIR_NOT_FOUND',
    class: 'input',
    message: `Cannot use "${shown(subdir)}" of "${shown(url)}": ${found}`,
  });
}

/** A repository that no honest author makes. */
export function gitTreeRefused(url: string, found: string): BuildError {
  return new BuildError({
    code: 'GIT_TREE_REFUSED',
    class: 'input',
    message: `Cannot use "${shown(url)}": ${shown(found)}`,
  });
}

/** No connection, an answer that is no success, or one that cannot be used. */
export function urlFailed(
  url: string,
  found: string,
  { hint, cause }: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
): BuildError {
  return new BuildError({
    code: 'URL_FETCH_FAILED',
    class: 'registry',
    message: `Cannot fetch "${shown(url)}": ${shown(found)}`,
    hint,
    cause,
  });
}

/** The certificate of a server is not one to trust. */
export function urlUntrusted(url: string, found: string): BuildError {
  return new BuildError({
    code: 'URL_UNTRUSTED',
    class: 'registry',
    message: `Cannot fetch "${shown(url)}": ${shown(found)}`,
    hint: 'Name a file with its certificate authority in STAGECRAFT_EXTRA_CA_CERTS.',
  });
}

/** Other bytes than `--checksum` promises. */
export function urlDigestMismatch(url: string, expected: string, digest: string): BuildError {
  return new BuildError({
    code: 'URL_DIGEST_MISMATCH',
    class: 'input',
    message: `Cannot use "${shown(url)}": its digest is ${digest}, and ${expected} is expected`,
    hint: 'Correct --checksum if the file is the right one',
  });
}

/** What the build began with is gone from the server. */
export function urlChanged(url: string, expected: string, digest: string): BuildError {
  return new BuildError({
    code: 'URL_CHANGED',
    class: 'registry',
    message: `Cannot use "${shown(url)}": it changed while it was built with, from ${expected} to ${digest}`,
    hint: 'Build again',
  });
}
