import { bytesToText, type BytePath } from '../core/bytes.ts';
import { BuildError } from '../diagnostics/build-error.ts';

/** More symlinks than one lookup may follow: a loop, or an attack. */
export function symlinkLoop(path: BytePath): BuildError {
  return new BuildError({
    code: 'SYMLINK_LOOP',
    class: 'input',
    message: `Cannot look up "${shown(path)}": it leads through more than 255 symbolic links`,
  });
}

/** A file is not what it was a moment ago. */
export function contextChanged(path: BytePath): BuildError {
  return new BuildError({
    code: 'CONTEXT_CHANGED',
    class: 'input',
    message: `Cannot read "${shown(path)}": it changed while it was read`,
    hint: 'Stop what writes to it, or list it in .dockerignore.',
  });
}

/** The user who builds may not read a file or list a directory. */
export function unreadable(path: BytePath, cause: unknown): BuildError {
  return new BuildError({
    code: 'FILE_UNREADABLE',
    class: 'input',
    message: `Cannot read "${shown(path)}": permission denied`,
    hint: 'Make it readable for the user who builds, or list it in .dockerignore.',
    cause,
  });
}

/** A file is too deep for the kernel to open it by its name. `path` is where it is on the host. */
export function pathTooLong(path: BytePath | string): BuildError {
  return new BuildError({
    code: 'PATH_TOO_LONG',
    class: 'input',
    message: `Cannot use "${shown(path)}": a path can have 4095 bytes at most`,
    hint: 'List it in .dockerignore, or put the context or the store (--root) into a directory with a shorter name',
  });
}

/** Longest path that is put into a message, in characters. */
const MAX_SHOWN_CHARS = 400;

/** A path as people may see it: text, capped, without control characters. */
export function shown(path: BytePath | string): string {
  const text = bytesToText(path as BytePath).replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}
