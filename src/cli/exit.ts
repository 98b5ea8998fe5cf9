import { BuildError, EXIT_STATUS } from '../diagnostics/build-error.ts';
import { diskError } from '../host/disk-error.ts';
import { renderError } from '../diagnostics/render.ts';
import { visibleText } from '../diagnostics/visible-text.ts';
import type { Output } from './command.ts';
import { readableStack } from './readable-stack.ts';

/** Exit status of an error that nobody foresaw. */
const STATUS_UNEXPECTED = 1;
/** What a shell reports for a program that died of SIGPIPE. */
const STATUS_BROKEN_PIPE = 141;

/** Why a command was aborted from outside. The reason of the command's AbortSignal. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  /** 128 plus the number of the signal, as shells report it. */
  readonly status: number;

  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGPIPE') {
    super(`interrupted by ${signal}`);
    this.status = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143, SIGPIPE: STATUS_BROKEN_PIPE }[signal];
  }
}

/**
 * Prints what went wrong and says with which status to exit: by class for errors made for users
 * (EXIT_STATUS), 128 + signal after an interruption, 1 for a bug of ours.
 * An AggregateError is several failures of one command: each is printed, the first sets the status.
 */
export function reportFailure(error: unknown, stderr: Output, signal: AbortSignal): number {
  // After an abort, what fails is a consequence of it: the reason tells more than the error.
  const reason: unknown = signal.aborted ? signal.reason : error;
  if (reason instanceof Interrupted) {
    if (reason.status !== STATUS_BROKEN_PIPE) stderr.write('stagecraft: interrupted\n');
    return reason.status;
  }
  const errors: readonly unknown[] = reason instanceof AggregateError ? reason.errors : [reason];
  const statuses = errors.map((each) => reportOne(each, stderr));
  return statuses[0] ?? STATUS_UNEXPECTED;
}

function reportOne(thrown: unknown, stderr: Output): number {
  // Any write may find the disk full. That is no bug, whichever call it was.
  const error = diskError(pathOf(thrown), thrown) ?? thrown;
  if (error instanceof BuildError) {
    stderr.write(`${renderError(error)}\n`);
    return EXIT_STATUS[error.class];
  }
  const text = error instanceof Error ? readableStack(error.stack ?? error.message) : String(error);
  stderr.write(
    `${visibleText(text)}\n\nThis is a bug in Stagecraft. Please report it to its maintainers, with the text above.\n`,
  );
  return STATUS_UNEXPECTED;
}

/**
 * Call once, at the start: a program whose work waits for something that never comes has nothing left to
 * do, and Node would end it with status 0 and without a word.
 */
export function refuseSilentEnd(stderr: Output): void {
  process.once('beforeExit', () => {
    stderr.write(
      'stagecraft: ended before its work was done\n\nThis is a bug in Stagecraft. Please report it to its maintainers, with what was done.\n',
    );
    process.exit(STATUS_UNEXPECTED);
  });
}

/** What a failed call of the system was about, for the message. */
function pathOf(error: unknown): string {
  const path = error instanceof Error && 'path' in error ? error.path : undefined;
  return typeof path === 'string' ? path : 'the store';
}
