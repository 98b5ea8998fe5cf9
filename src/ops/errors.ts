import { BuildError } from '../diagnostics/build-error.ts';
import type { Span } from '../diagnostics/source.ts';

/*
 * The texts after "Cannot …: " are BuildKit's own where it has one (frontend/dockerfile/
 * dockerfile2llb), so that searching the web for one of them finds the known answers.
 */

function inputError(code: string, message: string, span: Span, hint?: string): BuildError {
  return new BuildError({ code, class: 'input', message, span, hint });
}

/** `--chmod` that is neither octal up to 07777 nor symbolic. */
export function chmodInvalid(mode: string, span: Span): BuildError {
  const found = `invalid chmod parameter: '${mode}'. it should be octal string and between 0 and 07777`;
  return inputError(
    'CHMOD_INVALID',
    `Cannot set mode "${mode}": ${found}`,
    span,
    'Write for example --chmod=755 or --chmod=u=rwX,go=rX',
  );
}

/** `--chown` with a name where `--link` leaves nothing to look it up in. */
export function linkedOwnerName(owner: string, span: Span): BuildError {
  const found = `user and group names can't be resolved when used with --link, use numeric uid[:gid] instead`;
  return inputError(
    'LINKED_OWNER_NAME',
    `Cannot give files to "${owner}": ${found}`,
    span,
    'Give numbers, for example --chown=1000:1000, or leave out --link',
  );
}

/** `--checksum` where it has no meaning or no valid form; `found` says which. */
export function checksumInvalid(checksum: string, found: string, span: Span): BuildError {
  return inputError('CHECKSUM_INVALID', `Cannot check "${checksum}": ${found}`, span);
}

/** COPY of a URL. `what` is "a URL" or "a git ref". */
export function sourceNotLocal(source: string, what: string, span: Span): BuildError {
  const message = `Cannot copy "${source}": source can't be ${what} for COPY`;
  return inputError('SOURCE_NOT_LOCAL', message, span, 'Use ADD');
}

/** ADD of a git repository whose URL says another thing than the flag. */
export function keepGitDirConflict(source: string, span: Span): BuildError {
  const message = `Cannot add "${source}": inconsistent keep-git-dir configuration`;
  return inputError('KEEP_GIT_DIR_CONFLICT', message, span, 'Give it in the URL or as a flag');
}

/** `RUN --mount` over the whole file system. */
export function mountTargetInvalid(target: string, span: Span): BuildError {
  const message = `Cannot mount at "${target}": invalid mount target "/"`;
  return inputError('MOUNT_TARGET_INVALID', message, span, 'Choose a directory below /');
}

/** `type=ssh,source=…`. */
export function sshSourceInvalid(span: Span): BuildError {
  const message = 'Cannot mount an ssh agent: ssh does not support source';
  return inputError('SSH_SOURCE_INVALID', message, span, 'Name the agent with id=');
}

/** A secret mount that names nothing. */
export function secretUnnamed(span: Span): BuildError {
  const message = 'Cannot mount a secret: one of source, target required';
  return inputError('SECRET_UNNAMED', message, span, 'Name the secret with id=');
}

/** A word of EXPOSE that is no port; `found` says why. */
export function portInvalid(port: string, found: string, span: Span): BuildError {
  return inputError('PORT_INVALID', `Cannot expose "${port}": ${found}`, span);
}

/** STOPSIGNAL with a name or number that Linux does not have. */
export function signalInvalid(signal: string, similar: string | undefined, span: Span): BuildError {
  const message = `Cannot stop with signal "${signal}": Invalid signal: ${signal}`;
  const hint = similar === undefined ? undefined : `Did you mean "${similar}"?`;
  return inputError('SIGNAL_INVALID', message, span, hint);
}

/** A word of VOLUME that is empty, perhaps after expansion. */
export function volumeEmpty(span: Span): BuildError {
  const message = 'Cannot declare a volume: VOLUME specified can not be an empty string';
  return inputError('VOLUME_EMPTY', message, span);
}
