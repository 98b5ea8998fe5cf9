import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../../diagnostics/source.ts';
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
  const places = triggerPlaces(ast, context);
  return RULES.flatMap((rule) =>
    rule.check === undefined
      ? []
      : Array.from(rule.check(file), (finding) => {
          const span = places.get(finding.span.file) ?? finding.span;
          return ruleDiagnostic(rule, { ...finding, span });
        }),
  );
}

/** The FROM that brings each trigger. Every trigger is a text of its own. */
function triggerPlaces(ast: DockerfileAst, { triggers }: LintContext): Map<SourceFile, Span> {
  const places = new Map<SourceFile, Span>();
  for (const { index, from } of ast.stages) {
    for (const { span } of triggers?.get(index) ?? []) places.set(span.file, from.span);
  }
  return places;
}
