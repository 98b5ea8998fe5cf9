import { BuildError } from '../diagnostics/build-error.ts';
import type { NetworkGap } from './outgoing-network.ts';
import type { SandboxSpec } from './sandbox.ts';

/** The process of a step could not be started at all. `what` is what was found. */
export function cannotStart(what: string, cause?: unknown): BuildError {
  return new BuildError({
    code: 'SANDBOX_START',
    class: 'build',
    message: `Cannot start the process: ${what}`,
    cause,
  });
}

/** Steps were to have a network of their own, and cannot. */
export function networkNotIsolated(gap: NetworkGap): BuildError {
  return new BuildError({
    code: 'NETWORK_NOT_ISOLATED',
    class: 'host',
    message: `Cannot give steps a network of their own: ${gap.reason}`,
    hint: gap.remedy,
  });
}

/** The program that a step names is not in its file system. */
export function programNotFound(program: string): BuildError {
  return new BuildError({
    code: 'SANDBOX_START',
    class: 'build',
    message: `Cannot start "${shown(program)}": there is no such program in the step's file system`,
    hint: program.includes('/')
      ? 'Check the path, and that the interpreter or dynamic loader the program needs is there too'
      : 'Check the spelling and PATH, or use a base image that has it',
  });
}

/** How the message ends about a program that may not be executed, or not where it is. */
export const NOT_EXECUTABLE = 'permission denied';

/** The program is there, but is no program: a directory, or without the right to execute it. */
export function programNotExecutable(program: string): BuildError {
  return new BuildError({
    code: 'SANDBOX_START',
    class: 'build',
    message: `Cannot start "${shown(program)}": ${NOT_EXECUTABLE}`,
    hint: 'Check that it is a file and that the user of the step may execute it (chmod +x)',
  });
}

/** The kernel does not know the program's format: mostly another processor's. */
export function wrongProgramFormat(program: string): BuildError {
  return new BuildError({
    code: 'SANDBOX_START',
    class: 'build',
    message: `Cannot start "${shown(program)}": exec format error`,
    hint:
      'The program is for another processor, or a script without a #! line; ' +
      '"stagecraft info" lists the platforms that this host runs',
  });
}

/** `who` is `user 5` or `group 5`: not one of the ids of this user namespace. */
export function idNotMapped(who: string): BuildError {
  return new BuildError({
    code: 'SANDBOX_START',
    class: 'build',
    message: `Cannot start the process as ${who}: this build has no such id`,
    hint: 'Give your account subordinate ids (usermod --add-subuids 100000-165535 --add-subgids 100000-165535) and install the package "uidmap"',
  });
}

/** Arguments and environment are more than the kernel takes. */
export function argumentsTooLong({ args, env }: Pick<SandboxSpec, 'args' | 'env'>): BuildError {
  const bytes = [...args, ...env].reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
  return new BuildError({
    code: 'SANDBOX_START',
    class: 'build',
    message: `Cannot start the process: arguments and environment take ${bytes} bytes, more than the kernel takes`,
    hint: 'Shorten ENV and ARG values, or put long text into a file',
  });
}

/** How a reason ends whose remedy is to install what it begins with. */
export const NOT_INSTALLED = ' is not installed';

/** How a reason ends where the rights are missing, so that a runtime would not get further either. */
const DENIED = /failed with (EPERM|EACCES|ENOSPC)$/;

/**
 * `--isolation` names what does not work on this host. `reasons` are one line each; `remedy` is what
 * would let this process make namespaces.
 */
export function noSandbox(wanted: string, reasons: readonly string[], remedy: string): BuildError {
  const isDenied = reasons.some((reason) => DENIED.test(reason));
  return new BuildError({
    code: 'NO_SANDBOX',
    class: 'host',
    message: `Cannot run steps with isolation "${wanted}": ${reasons.join('; ')}`,
    hint:
      wanted !== 'auto'
        ? 'Use --isolation=auto'
        : !isDenied && reasons.some((reason) => reason.endsWith(NOT_INSTALLED))
          ? 'Install crun or runc with your package manager'
          : remedy,
  });
}

/** Steps of a platform that this host has no means to run; said before the first of them begins. */
export function platformNotRunnable(
  platform: string,
  reason: string,
  remedy: string | undefined,
): BuildError {
  return new BuildError({
    code: 'PLATFORM_NOT_RUNNABLE',
    class: 'host',
    message: `Cannot run programs for ${shown(platform)}: ${shown(reason)}`,
    hint: remedy ?? 'Let the stage be FROM --platform=$BUILDPLATFORM, and cross-compile in it',
  });
}

/** The emulator is there, and the kernel could not be told of it. */
export function emulationFailed(platform: string, what: string): BuildError {
  const remedy =
    'Register the emulator for the whole host, for example: apt-get install binfmt-support qemu-user-static';
  return platformNotRunnable(platform, `preparing the emulator: ${what}`, remedy);
}

/** USER names somebody who is not in the image's passwd file. */
export function unknownUser(name: string, similar: string | undefined): BuildError {
  return new BuildError({
    code: 'UNKNOWN_USER',
    class: 'build',
    message: `Cannot run as user "${shown(name)}": /etc/passwd of the image has no such name`,
    hint: similar === undefined ? undefined : `Did you mean "${shown(similar)}"?`,
  });
}

/** USER names a group that is not in the image's group file. */
export function unknownGroup(name: string, similar: string | undefined): BuildError {
  return new BuildError({
    code: 'UNKNOWN_GROUP',
    class: 'build',
    message: `Cannot run with group "${shown(name)}": /etc/group of the image has no such name`,
    hint: similar === undefined ? undefined : `Did you mean "${shown(similar)}"?`,
  });
}

/** A user or group number that Linux does not have, or a USER with nothing before or after the colon. */
export function badUser(text: string): BuildError {
  return new BuildError({
    code: 'BAD_USER',
    class: 'build',
    message: `Cannot run as user "${shown(text)}": neither a name nor a number up to 4294967294`,
  });
}

/** /etc/passwd or /etc/group is no file that can be trusted to be read. */
export function unreadableUserFile(path: string, what: string): BuildError {
  return new BuildError({
    code: 'USER_FILE_UNREADABLE',
    class: 'build',
    message: `Cannot look up the user in "${path}" of the image: ${what}`,
  });
}

/** A mount target or working directory that cannot be made inside the step's file system. */
export function badTarget(path: string, what: string): BuildError {
  return new BuildError({
    code: 'BAD_MOUNT_TARGET',
    class: 'build',
    message: `Cannot use "${shown(path)}" in the step's file system: ${what}`,
  });
}

const MAX_SHOWN_CHARS = 200;

/** Text from outside without control characters, and not too long for a message. */
function shown(text: string): string {
  const clean = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
  return clean.length > MAX_SHOWN_CHARS ? `${clean.slice(0, MAX_SHOWN_CHARS)}…` : clean;
}
