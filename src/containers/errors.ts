import { BuildError } from '../diagnostics/build-error.ts';

/** No container has this name or id, or several ids begin like this. */
export function containerNotFound(
  name: string,
  found: 'none' | 'several',
  similar: string | undefined,
): BuildError {
  return new BuildError({
    code: 'CONTAINER_NOT_FOUND',
    class: 'usage',
    message:
      found === 'none'
        ? `Cannot find container "${name}": there is none of this name or id`
        : `Cannot find container "${name}": several ids begin with it`,
    hint: similar === undefined ? undefined : `Did you mean "${similar}"?`,
  });
}

/** `--name` of a container that exists. */
export function containerNameTaken(name: string): BuildError {
  return new BuildError({
    code: 'CONTAINER_NAME_TAKEN',
    class: 'usage',
    message: `Cannot create container "${name}": the name is in use`,
    hint: `Remove the other one with "stagecraft rm ${name}", or choose another name`,
  });
}

/** `rm` without `--force` of a container that runs. */
export function containerRunning(name: string): BuildError {
  return new BuildError({
    code: 'CONTAINER_RUNNING',
    class: 'usage',
    message: `Cannot remove container "${name}": it is running`,
    hint: 'Stop it first, or use --force',
  });
}

/** `start` of a container that runs. */
export function containerRuns(name: string): BuildError {
  return new BuildError({
    code: 'CONTAINER_RUNNING',
    class: 'usage',
    message: `Cannot start container "${name}": it is running`,
  });
}

/** `cp` of a container that runs: its files change meanwhile, and their names with them. */
export function containerNotStill(name: string): BuildError {
  return new BuildError({
    code: 'CONTAINER_RUNNING',
    class: 'usage',
    message: `Cannot copy files of container "${name}": it is running`,
    hint: 'Stop it first',
  });
}

/** An option of `run` that cannot be understood. */
export function badContainerOption(option: string, value: string, what: string): BuildError {
  return new BuildError({
    code: 'BAD_CONTAINER_OPTION',
    class: 'usage',
    message: `Cannot use ${option} "${value}": ${what}`,
  });
}

/** Neither the image nor the command line says what to run. */
export function noCommand(image: string): BuildError {
  return new BuildError({
    code: 'NO_COMMAND',
    class: 'usage',
    message: `Cannot run image "${image}": it has neither CMD nor ENTRYPOINT`,
    hint: 'Give a command after the image name',
  });
}

/** A host port that somebody else listens on, or that needs more rights. */
export function portUnavailable(address: string, port: number, code: string): BuildError {
  return new BuildError({
    code: 'PORT_UNAVAILABLE',
    class: 'host',
    message: `Cannot listen on ${address} port ${port}: ${code}`,
    hint: code === 'EADDRINUSE' ? 'Another program uses it: choose another host port' : undefined,
  });
}

/** The process that looks after a detached container did not get it to run. */
export function containerNotStarted(what: string): BuildError {
  return new BuildError({
    code: 'CONTAINER_NOT_STARTED',
    class: 'host',
    message: `Cannot start the container: ${what}`,
  });
}

/** `-t` where standard input is a file, a pipe or nothing. */
export function noTerminal(): BuildError {
  return new BuildError({
    code: 'NO_TERMINAL',
    class: 'usage',
    message: 'Cannot give the container a terminal: standard input is not one',
    hint: 'Leave out -t (--tty)',
  });
}
