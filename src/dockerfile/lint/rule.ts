import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Span } from '../../diagnostics/source.ts';
import type { LintFile } from './lint-file.ts';

/** One build check, with the name and the texts that BuildKit gives it. */
export interface Rule {
  /** Stable: users name it in `# check=skip=…`. */
  readonly name: string;
  /** One sentence on what is wrong in general. */
  readonly description: string;
  /** Reported only after `# check=experimental=…`. */
  readonly isExperimental?: true;
  /** Undefined for a check that needs more than the text: parsing or planning reports what it finds. */
  readonly check: ((file: LintFile) => Iterable<Finding>) | undefined;
}

/** A place that breaks a rule. */
export interface Finding {
  readonly span: Span;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A finding in the form that parsing and planning report it in. */
export function ruleDiagnostic(rule: Rule, { span, message, hint }: Finding): Diagnostic {
  return { severity: 'warning', code: rule.name, message, span, hint };
}

/** `stage-name-casing`: names the page docs/rules/stage-name-casing.md and Docker's own page. */
export function ruleSlug(name: string): string {
  return name
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2')
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase();
}
