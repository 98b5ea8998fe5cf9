import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import { openLintFile, type LintContext } from '../dockerfile/lint/lint-file.ts';
import type { Rule } from '../dockerfile/lint/rule.ts';

/** What one check says of a Dockerfile: each message with the text that it points at. */
export function findingsOf(
  rule: Rule,
  lines: readonly string[],
  context: LintContext = {},
): readonly { readonly message: string; readonly at: string }[] {
  const text = lines.join('\n');
  const { ast, diagnostics } = parseDockerfile({ path: 'Dockerfile', text });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new TypeError(errors[0]?.message);
  if (rule.check === undefined) throw new TypeError(`${rule.name} has no check of its own`);
  return Array.from(rule.check(openLintFile(ast, context)), ({ message, span }) => ({
    message,
    at: text.slice(span.start, span.end),
  }));
}
