import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Span } from '../../diagnostics/source.ts';
import { ruleDiagnostic, type Rule } from './rule.ts';

/** The parser finds it: afterwards the lines are joined and the empty one is gone. */
export const noEmptyContinuation: Rule = {
  name: 'NoEmptyContinuation',
  description: 'Empty continuation lines will become errors in a future release',
  check: undefined,
};

/** An empty line between the lines of one instruction. */
export function emptyContinuation(span: Span): Diagnostic {
  return ruleDiagnostic(noEmptyContinuation, {
    span,
    message: 'Empty continuation line',
    hint: 'Remove the empty line, or begin it with #',
  });
}
