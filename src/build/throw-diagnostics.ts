import { BuildError } from '../diagnostics/build-error.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Emit } from '../events/event.ts';
import { privateFileInvalid } from './errors.ts';

/**
 * Tells the warnings and throws the errors: one as it is, several as an AggregateError, so that a user
 * sees all mistakes of a file at once.
 */
export function throwDiagnostics(diagnostics: readonly Diagnostic[], emit: Emit): void {
  const errors: BuildError[] = [];
  for (const diagnostic of diagnostics) {
    if (diagnostic.severity === 'warning') emit({ type: 'diagnostic', diagnostic });
    else errors.push(asError(diagnostic));
  }
  const [first, ...rest] = errors;
  if (first === undefined) return;
  if (first.span?.file.isPrivate === true) throw privateFileInvalid(first.span.file.path);
  throw rest.length === 0 ? first : new AggregateError(errors, first.message);
}

function asError({ code, message, hint, span }: Diagnostic): BuildError {
  return new BuildError({ code, class: 'input', message, hint, span });
}
