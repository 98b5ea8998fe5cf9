import { BuildError } from '../diagnostics/build-error.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';

const MAX_SHOWN_CHARACTERS = 400;

/** An `-o` value that says nothing that can be done. `found` is in BuildKit's words where it has some. */
export function invalidOutput(text: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'OUTPUT_INVALID',
    class: 'usage',
    message: `Cannot use output "${shown(text)}": ${shown(found)}`,
    hint,
  });
}

/** An `--annotation` that has not the form of one. */
export function invalidAnnotation(text: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'ANNOTATION_INVALID',
    class: 'usage',
    message: `Cannot use annotation "${shown(text)}": ${shown(found)}`,
    hint,
  });
}

/** An output that is well said but that this version cannot make. */
export function unsupportedOutput(what: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'UNSUPPORTED',
    class: 'usage',
    message: `Cannot export to ${shown(what)}: ${shown(found)}`,
    hint,
  });
}

/** An image without a name can be kept, and not be pushed. */
export function pushWithoutName(): BuildError {
  return unsupportedOutput('a registry', 'the image has no name', 'Add name= or a tag.');
}

/** The bytes of a layer are not those that the image config names. */
export function layerBytesChanged(expected: string, found: string): BuildError {
  return new BuildError({
    code: 'LAYER_CHANGED',
    class: 'host',
    message: `Cannot export layer "${expected}": its files now give "${found}"`,
    hint: 'Nothing but Stagecraft may write to the store; build again with --no-cache.',
  });
}

/** The place that an export goes to does not take it. */
export function cannotWriteTo(path: string, cause: unknown, found?: string): BuildError {
  return new BuildError({
    code: 'EXPORT_WRITE',
    class: 'host',
    message: `Cannot export to "${shown(path)}": ${shown(found ?? reasonOf(cause))}`,
    cause,
  });
}

/** A message of the system, without the call and the paths that Node puts behind it. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const message = cause.message.replace(/^[A-Z0-9]+: /, '').replace(/, [a-z]+( '.*)?$/s, '');
  const { code, syscall } = cause as NodeJS.ErrnoException;
  const lacking = code === undefined ? undefined : whatIsLacking(code, syscall ?? '');
  return `${lacking ?? message}${code === undefined ? '' : ` (${code})`}`;
}

/** What calls of the system make that some file systems do not have. */
const MADE_BY: Readonly<Record<string, string>> = {
  symlink: 'symbolic links',
  link: 'hard links',
  mknod: 'devices',
  mkfifo: 'named pipes',
};

/** FAT says EPERM for a symbolic link. For a hard link that can be the kernel's own rule (`protected_hardlinks`). */
function whatIsLacking(code: string, syscall: string): string | undefined {
  if (code === 'EILSEQ') return 'its file system does not take the name of a file';
  const kind = MADE_BY[syscall];
  const isLacking =
    ['ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(code) ||
    (code === 'EPERM' && syscall === 'symlink');
  return kind !== undefined && isLacking ? `its file system has no ${kind}` : undefined;
}

/** One line that does nothing to a terminal, not endless. */
function shown(text: string): string {
  const isLong = text.length > MAX_SHOWN_CHARACTERS;
  return visibleLine(isLong ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text);
}
