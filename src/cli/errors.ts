import { nearest } from '../core/suggest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';

/** Every error of the command line itself. Exit status 2 unless its class says otherwise. */

export function unknownFlag(
  written: string,
  names: readonly string[],
  command: string,
  within?: string,
  answer?: string,
): BuildError {
  const meant = written.startsWith('--') ? nearest(written.slice(2), names) : undefined;
  const place = within === undefined || within === written ? '' : ` in "${within}"`;
  return new BuildError({
    code: 'UNKNOWN_FLAG',
    class: 'usage',
    message: `Cannot read the command line: "${command}" has no flag "${written}"${place}`,
    hint: answer ?? (meant === undefined ? seeHelp(command) : `Did you mean "--${meant}"?`),
  });
}

export function missingFlagValue(written: string, command: string): BuildError {
  return new BuildError({
    code: 'FLAG_VALUE_MISSING',
    class: 'usage',
    message: `Cannot read the command line: flag "${written}" needs a value`,
    hint: seeHelp(command),
  });
}

export function badFlagSyntax(written: string, command: string): BuildError {
  return new BuildError({
    code: 'FLAG_SYNTAX',
    class: 'usage',
    message: `Cannot read the command line: "${written}" is not a flag`,
    hint: seeHelp(command),
  });
}

export function badSwitchValue(written: string, value: string): BuildError {
  return badFlagValue(written, value, 'expected "true" or "false"');
}

/** A value that its flag does not take; `expected` finishes the sentence. */
export function badFlagValue(
  written: string,
  value: string,
  expected: string,
  hint?: string,
): BuildError {
  return new BuildError({
    code: 'FLAG_VALUE_INVALID',
    class: 'usage',
    message: `Cannot use "${value}" for "${written}": ${expected}`,
    hint,
  });
}

/** A flag of Docker's that we know and cannot honour. `note` says what is missing. */
export function unsupportedFlag(written: string, note: string): BuildError {
  return new BuildError({
    code: 'FLAG_UNSUPPORTED',
    class: 'usage',
    message: `Cannot use "${written}": ${note}`,
  });
}

/** Two flags or words that contradict each other. */
export function flagConflict(message: string, hint?: string): BuildError {
  return new BuildError({ code: 'FLAG_CONFLICT', class: 'usage', message, hint });
}

export function wrongArgumentCount(
  command: string,
  expected: string,
  found: number,
  usage: string,
): BuildError {
  return new BuildError({
    code: 'ARGUMENT_COUNT',
    class: 'usage',
    message: `Cannot run "${command}": it needs ${expected}, found ${String(found)}`,
    hint: `Usage: ${command} ${usage}`,
  });
}

export function unknownCommand(name: string, names: readonly string[]): BuildError {
  const meant = nearest(name, names);
  return new BuildError({
    code: 'UNKNOWN_COMMAND',
    class: 'usage',
    message: `Cannot run "stagecraft ${name}": there is no such command`,
    hint:
      meant === undefined
        ? 'Run "stagecraft --help" for the list'
        : `Did you mean "stagecraft ${meant}"?`,
  });
}

/** A command of Docker's that is not here. `hint` says what takes its place. */
export function unavailableCommand(name: string, hint?: string): BuildError {
  return new BuildError({
    code: 'COMMAND_UNAVAILABLE',
    class: 'usage',
    message: `Cannot run "stagecraft ${name}": this version does not have Docker's command`,
    hint: hint ?? 'Run "stagecraft --help" for the list',
  });
}

/** Standard output or standard error takes no more, for example as the disk behind it is full. */
export function outputFailed(error: NodeJS.ErrnoException): BuildError {
  return new BuildError({
    code: 'OUTPUT_FAILED',
    class: 'host',
    message: `Cannot write the command's output: ${error.code ?? error.message}`,
    cause: error,
  });
}

/** The directory that the command was started in was removed. */
export function noWorkingDirectory(cause: unknown): BuildError {
  return new BuildError({
    code: 'WORKING_DIRECTORY_GONE',
    class: 'host',
    message: 'Cannot work here: the working directory is not there any more',
    hint: 'Change to a directory that exists, for example: cd ~',
    cause,
  });
}

/** The configuration file cannot be read or says something that has no meaning. */
export function badConfig(path: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'CONFIG_INVALID',
    class: 'usage',
    message: `Cannot use the configuration "${path}": ${found}`,
    hint,
  });
}

/** A file that a flag names, and that we cannot write. */
export function resultUnwritable(flag: string, path: string, cause: unknown): BuildError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  return new BuildError({
    code: 'RESULT_UNWRITABLE',
    class: 'host',
    message: `Cannot write "${path}" for "${flag}": ${code}`,
    cause,
  });
}

/** Standard input is no Dockerfile. */
export function badStdin(found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'STDIN_UNUSABLE',
    class: 'input',
    message: `Cannot read the Dockerfile from standard input: ${found}`,
    hint,
  });
}

/** An image of the store whose files are not unpacked. */
export function imageNotRunnable(name: string): BuildError {
  return new BuildError({
    code: 'IMAGE_NOT_UNPACKED',
    class: 'host',
    message: `Cannot run image "${name}": its files are not unpacked in this store`,
    hint: 'Build it again',
  });
}

/** A question to be answered, and nobody at a terminal to ask. */
export function confirmationNeeded(command: string): BuildError {
  return new BuildError({
    code: 'CONFIRMATION_NEEDED',
    class: 'usage',
    message: `Cannot run "${command}" unasked: standard input is no terminal`,
    hint: 'Give "--force" to go on without a question',
  });
}

/** No build of that id is known, or several are. */
export function buildNotFound(id: string | undefined, found: string): BuildError {
  return new BuildError({
    code: 'BUILD_NOT_FOUND',
    class: 'usage',
    message: `Cannot explain ${id === undefined ? 'the last build' : `build "${id}"`}: ${found}`,
    hint:
      id === undefined
        ? 'Build something first, or name the store of the build with --root'
        : 'Run "stagecraft builds" for those that are known',
  });
}

/** `--log` names no step that printed something, or several. `names` are those that did. */
export function stepNotFound(wanted: string, found: string, names: readonly string[]): BuildError {
  const [first] = names;
  const shown = names.slice(0, MAX_NAMED_STEPS).map((name) => visibleLine(name));
  return new BuildError({
    code: 'STEP_NOT_FOUND',
    class: 'usage',
    message: `Cannot show what step "${wanted}" printed: ${found}`,
    hint: first === undefined ? undefined : `These printed something: ${shown.join(', ')}`,
  });
}

const MAX_NAMED_STEPS = 10;

/** A name in a registry that is to be deleted, and says neither tag nor digest. */
export function nameWithoutTag(name: string): BuildError {
  return new BuildError({
    code: 'TAG_NEEDED',
    class: 'usage',
    message: `Cannot delete "${name}": it has no tag and no digest`,
    hint: 'Write what is to go, with ":latest" too where that is meant',
  });
}

function seeHelp(command: string): string {
  return `Run "${command} --help" for the flags`;
}
