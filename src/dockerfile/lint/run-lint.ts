import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { DockerfileAst } from '../ast.ts';
import { openLintFile, type LintContext } from './lint-file.ts';
import { ruleDiagnostic } from './rule.ts';
import { RULES } from './rules.ts';

/**
 * Runs BuildKit's build checks. Every finding is a warning whose code is the name of its rule. What
 * parsing and planning report is not repeated here; put all findings through `applyCheckDirective`
 * afterwards, which leaves out what the file does not want to hear of.
 */
export function lintDockerfile(ast: DockerfileAst, context: LintContext = {}): Diagnostic[] {
  const file = openLintFile(ast, context);
  return RULES.flatMap((rule) =>
    rule.check === undefined
      ? []
      : Array.from(rule.check(file), (finding) => ruleDiagnostic(rule, finding)),
  );
}
