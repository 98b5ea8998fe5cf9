import type { BytePath } from '../core/bytes.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { shown } from '../tree/errors.ts';

/** A file where the destination has a directory. The reason has BuildKit's words. */
export function fileOntoDirectory(source: BytePath, target: BytePath): BuildError {
  return new BuildError({
    code: 'COPY_FILE_ONTO_DIRECTORY',
    class: 'build',
    message: `Cannot copy "${shown(source)}": cannot replace to directory ${shown(target)} with file`,
    hint: 'Copy it under another name, or remove the directory in a RUN step before.',
  });
}

/** A directory where the destination has something else. The reason has BuildKit's words. */
export function directoryOntoFile(source: BytePath, target: BytePath): BuildError {
  return new BuildError({
    code: 'COPY_DIRECTORY_ONTO_FILE',
    class: 'build',
    message: `Cannot copy "${shown(source)}": cannot copy to non-directory: ${shown(target)}`,
    hint: 'Copy it under another name, or remove what is there in a RUN step before.',
  });
}

/** A path of the image that cannot be made, because a file is where a directory has to be. */
export function notADirectory(path: BytePath): BuildError {
  return new BuildError({
    code: 'PATH_NOT_A_DIRECTORY',
    class: 'build',
    message: `Cannot create "${shown(path)}": "${shown(path)}" or a part of it is not a directory`,
  });
}

/** A path of the image that has to be there, or has not to be. */
export function cannotChange(what: string, path: BytePath, found: string): BuildError {
  return new BuildError({
    code: 'FILE_ACTION_FAILED',
    class: 'build',
    message: `Cannot ${what} "${shown(path)}": ${found}`,
  });
}

/** A device that this user may not create, or that stands for a removed file. */
export function deviceNotPermitted(path: BytePath, found: string): BuildError {
  return new BuildError({
    code: 'DEVICE_NOT_PERMITTED',
    class: 'host',
    message: `Cannot create the device "${shown(path)}": ${found}`,
    hint: 'Leave it out with --exclude or .dockerignore.',
  });
}

/** An owner that the user namespace of this build does not have. */
export function ownerNotMapped(path: BytePath, owner: string, cause: unknown): BuildError {
  return new BuildError({
    code: 'OWNER_NOT_MAPPED',
    class: 'host',
    message: `Cannot give "${shown(path)}" to ${owner}: this build may not use that id`,
    hint: 'Give your user a range of ids in /etc/subuid and /etc/subgid, or build as root.',
    cause,
  });
}

/** A name in --chown that the image does not know. */
export function unknownOwner(
  kind: 'user' | 'group',
  name: string,
  file: string,
  near: string | undefined,
): BuildError {
  const suggestion = near === undefined ? '' : `Did you mean "${shown(near)}"? `;
  return new BuildError({
    code: 'UNKNOWN_OWNER',
    class: 'build',
    message: `Cannot find the ${kind} "${shown(name)}": ${file} of this stage has no such name`,
    hint: `${suggestion}Create it in a RUN step before, or give its number.`,
  });
}

/** The passwd or group file of the image cannot be used. */
export function badOwnerFile(file: string, found: string): BuildError {
  return new BuildError({
    code: 'OWNER_FILE_INVALID',
    class: 'build',
    message: `Cannot read "${file}" of this stage: ${found}`,
  });
}

/** An archive of ADD holds something that cannot be unpacked. */
export function badArchiveEntry(name: BytePath, found: string): BuildError {
  return new BuildError({
    code: 'ARCHIVE_ENTRY_INVALID',
    class: 'input',
    message: `Cannot unpack "${shown(name)}": ${found}`,
    hint: 'Use ADD --unpack=false or COPY to add the archive as it is.',
  });
}

/** An archive of ADD, or of a build context, is larger than any real one. */
export function archiveTooLarge(path: BytePath, found: string): BuildError {
  return new BuildError({
    code: 'ARCHIVE_TOO_LARGE',
    class: 'input',
    message: `Cannot unpack "${shown(path)}": ${found}`,
    hint: 'Make several archives of it, or use COPY to take it as it is',
  });
}

/** An archive of ADD is compressed with something that this host cannot decompress. */
export function noDecompressor(path: BytePath, program: string): BuildError {
  return new BuildError({
    code: 'ARCHIVE_TOOL_MISSING',
    class: 'host',
    message: `Cannot unpack "${shown(path)}": it is compressed with ${program}, which is not installed`,
    hint: `Install ${program}, or use ADD --unpack=false to add the archive as it is.`,
  });
}
