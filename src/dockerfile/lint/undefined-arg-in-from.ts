import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Span } from '../../diagnostics/source.ts';
import { ruleDiagnostic, type Rule } from './rule.ts';

/** Planning finds it: it knows the build arguments. */
export const undefinedArgInFrom: Rule = {
  name: 'UndefinedArgInFrom',
  description: 'FROM command must use declared ARGs',
  check: undefined,
};

/** `similar` is a declared name that was probably meant. */
export function undefinedFromArgument(
  name: string,
  similar: string | undefined,
  span: Span,
): Diagnostic {
  const meant = similar === undefined ? '' : ` (did you mean ${similar}?)`;
  const message = `FROM argument '${name}' is not declared${meant}`;
  return ruleDiagnostic(undefinedArgInFrom, { span, message });
}
