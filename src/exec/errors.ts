import { constants } from 'node:os';
import { BuildError } from '../diagnostics/build-error.ts';
import type { Span } from '../diagnostics/source.ts';
import { freeBytes } from '../host/disk-error.ts';
import { idMap } from '../tree/copy-up.ts';
import type { ProcessExit } from '../sandbox/sandbox.ts';

/** What bounds a step, and can be the reason that it failed. */
interface StepLimits {
  readonly memoryBytes: number | undefined;
  /** A directory on the host. */
  readonly rootfs: string;
}

/**
 * A RUN ended with another status than 0. `output` is the last of what it printed, `limits` what it had:
 * `memoryBytes`, and the disk that `rootfs` is on. `name` is that of the step.
 */
export function stepFailed(
  command: string,
  exit: ProcessExit,
  output: string,
  limits: StepLimits,
  name: string,
  span: Span | undefined,
): BuildError {
  return new BuildError({
    code: 'STEP_FAILED',
    class: 'build',
    message: `Cannot run "${command}": ${describeExit(exit)}`,
    hint: hintFor(exit, output, limits) ?? logHint(output, name),
    span,
  });
}

/** The end of a process in words: `exit status 127 (command not found)`. */
function describeExit(exit: ProcessExit): string {
  if (exit.kind === 'signaled') {
    return exit.isOutOfMemory
      ? `killed by ${exit.signal} (out of memory)`
      : `killed by ${exit.signal}`;
  }
  const meaning =
    exit.isOutOfMemory === true
      ? 'killed, out of memory'
      : (MEANING[exit.status] ?? signalOf(exit.status));
  const words = `exit status ${String(exit.status)}`;
  return meaning === undefined ? words : `${words} (${meaning})`;
}

/** Shells report a child that signal n killed as 128 + n. */
function signalOf(status: number): string | undefined {
  const name = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  return name === undefined ? undefined : `killed by ${name}`;
}

/** Shells and runtimes agree on these (POSIX sh, 2.8.2). */
const MEANING: Readonly<Record<number, string>> = {
  126: 'the command could not be executed',
  127: 'command not found',
  130: 'interrupted',
  137: 'killed, possibly out of memory',
  139: 'segmentation fault',
  143: 'terminated',
};

function hintFor(
  exit: ProcessExit,
  output: string,
  { memoryBytes, rootfs }: StepLimits,
): string | undefined {
  if (exit.isOutOfMemory === true && memoryBytes !== undefined) {
    return 'Raise --memory, or let the step use less';
  }
  const free = /no space left on device/i.test(output) ? freeBytes(rootfs) : undefined;
  if (free !== undefined) {
    return `The disk of the store has ${String(free)} bytes free now: free some space, for example with "stagecraft prune", or choose another disk with --root`;
  }
  if (/exec format error/i.test(output)) {
    return 'The program is for another processor: build it for the platform of this stage (GOARCH, --platform)';
  }
  if (idMap().isSingle && /Invalid argument|Operation not permitted/.test(output)) {
    return 'This user has a single id, so steps cannot use others: install uidmap and give the user a range in /etc/subuid and /etc/subgid';
  }
  if (exit.kind === 'exited' && exit.status === 127) {
    return 'Install the command in this stage, or check its spelling and PATH';
  }
  return undefined;
}

/** Lines of a failed step that progress repeats in each of its forms. */
const SHOWN_LINES = 20;

/** The beginning of a long output is easily out of sight. `name` is `[builder 2/5] RUN …`. */
function logHint(output: string, name: string): string | undefined {
  const place = /^\[([^\]]+)\]/.exec(name)?.[1];
  if (place === undefined || output.trimEnd().split('\n').length <= SHOWN_LINES) return undefined;
  return `To see all that it printed: stagecraft explain --log "${place}"`;
}

/** A RUN took longer than `--step-timeout`. */
export function stepTimedOut(command: string, ms: number, span: Span | undefined): BuildError {
  return new BuildError({
    code: 'STEP_TIMEOUT',
    class: 'build',
    message: `Cannot run "${command}": it took longer than ${String(ms / 1000)} seconds`,
    hint: 'Raise --step-timeout, or find out what it waits for',
    span,
  });
}

/** An op needs something that this host or version cannot do. */
export function unsupportedOp(what: string, why: string, hint: string): BuildError {
  return new BuildError({
    code: 'UNSUPPORTED_STEP',
    class: 'host',
    message: `Cannot ${what}: ${why}`,
    hint,
  });
}

/** A secret that a mount requires was not given. */
export function missingSecret(id: string, span: Span | undefined): BuildError {
  return new BuildError({
    code: 'SECRET_MISSING',
    class: 'input',
    message: `Cannot mount secret "${id}": it was not given to this build`,
    hint: `Add --secret id=${id},src=FILE`,
    span,
  });
}

/** A bind mount names a path that its source does not have. */
export function mountSourceNotFound(path: string, span: Span | undefined): BuildError {
  return new BuildError({
    code: 'MOUNT_SOURCE_NOT_FOUND',
    class: 'build',
    message: `Cannot mount "${path}": it is not there`,
    hint: undefined,
    span,
  });
}

/** No `--ssh` gives the agent that a mount requires. */
export function missingSshAgent(id: string, span: Span | undefined): BuildError {
  return new BuildError({
    code: 'SSH_AGENT_MISSING',
    class: 'input',
    message: `Cannot mount SSH agent "${id}": it was not given to this build`,
    hint: id === 'default' ? 'Add --ssh default' : `Add --ssh ${id}=SOCKET_OR_KEY`,
    span,
  });
}

/** An agent that was given, or one for keys that were given, does not work. */
export function sshAgentUnusable(id: string, found: string, hint: string | undefined): BuildError {
  return new BuildError({
    code: 'SSH_AGENT_UNUSABLE',
    class: 'host',
    message: `Cannot use SSH agent "${id}": ${found}`,
    hint,
  });
}

/** A file of `--ssh` is no key that could be used without asking anybody. */
export function sshKeyUnusable(path: string, found: string): BuildError {
  return new BuildError({
    code: 'SSH_KEY_UNUSABLE',
    class: 'input',
    message: `Cannot use SSH key "${path}": ${found}`,
    hint: 'Load the key with ssh-add, and forward your agent with --ssh default',
  });
}

/** A device that is described but cannot be given to a step; `found` says why. */
export function deviceUnusable(name: string, found: string, span: Span | undefined): BuildError {
  return new BuildError({
    code: 'DEVICE_UNUSABLE',
    class: 'host',
    message: `Cannot give device "${name}" to a step: ${found}`,
    hint: 'Write the specification of the device anew, for example with the tool of its vendor',
    span,
  });
}
