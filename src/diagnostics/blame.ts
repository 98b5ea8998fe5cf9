import { BuildError } from './build-error.ts';
import type { Span } from './source.ts';

/**
 * Adds the place in the user's file to an error that does not name one. `hint` goes before the error's
 * own: whoever calls knows more of what the user meant. What is no BuildError comes back as it is.
 */
export function blame(error: unknown, span: Span | undefined, hint?: string): unknown {
  if (!(error instanceof BuildError)) return error;
  if ((error.span !== undefined || span === undefined) && hint === undefined) return error;
  const { code, class: errorClass, message, cause } = error;
  return new BuildError({
    code,
    class: errorClass,
    message,
    hint: hint ?? error.hint,
    span: error.span ?? span,
    cause,
  });
}
