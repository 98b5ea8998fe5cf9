import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Span } from '../../diagnostics/source.ts';
import { ruleDiagnostic, type Rule } from './rule.ts';

/** Planning finds it: it knows the build arguments and the environment of the base image. */
export const undefinedVar: Rule = {
  name: 'UndefinedVar',
  description: 'Variables should be defined before their use',
  check: undefined,
};

/** `similar` is a name with a value that was probably meant. */
export function undefinedVariable(
  name: string,
  similar: string | undefined,
  span: Span,
): Diagnostic {
  const meant = similar === undefined ? '' : ` (did you mean $${similar}?)`;
  const message = `Usage of undefined variable '$${name}'${meant}`;
  return ruleDiagnostic(undefinedVar, { span, message });
}
