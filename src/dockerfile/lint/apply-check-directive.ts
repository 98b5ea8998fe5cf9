import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { DockerfileAst, Instruction } from '../ast.ts';
import { invalidCheckOptions } from '../errors.ts';
import {
  hasRule,
  inlineCheckText,
  NO_CHECK_OPTIONS,
  parseCheckOptions,
  type CheckOptions,
} from './check-options.ts';
import { allInstructions } from './lint-file.ts';
import { ruleOf } from './rules.ts';

/** What is left of the findings, in the order of the file. */
export interface AppliedChecks {
  /** Findings that are no check's stay as they are. */
  readonly diagnostics: readonly Diagnostic[];
  /** Names of the rules that were broken, when `error=true` asks to fail then; else empty. */
  readonly violations: readonly string[];
}

/**
 * Leaves out what the file does not want to hear of: `# check=skip=…` at the top for the whole file, the
 * same comment above an instruction for that one. Experimental rules are left out unless they are
 * asked for. `override` is the build argument BUILDKIT_DOCKERFILE_CHECK: it takes the place of the
 * directive. A directive that cannot be read is reported as an error.
 */
export function applyCheckDirective(
  diagnostics: readonly Diagnostic[],
  ast: DockerfileAst,
  override?: string,
): AppliedChecks {
  const { options, errors } = readOptions(ast, override);
  const places = inlineOptions(ast);
  const kept = diagnostics.filter((diagnostic) => {
    const rule = ruleOf(diagnostic.code);
    if (rule === undefined) return true;
    const inline = places.find(({ instruction }) => isWithin(diagnostic, instruction));
    const all = inline === undefined ? [options] : [options, inline.options];
    return rule.isExperimental === true
      ? all.some(({ enables }) => hasRule(enables, rule.name))
      : !all.some(({ skips }) => hasRule(skips, rule.name));
  });
  const broken = kept.filter(({ code }) => ruleOf(code) !== undefined).map(({ code }) => code);
  return {
    diagnostics: [...errors, ...kept.toSorted((a, b) => a.span.start - b.span.start)],
    violations: options.isError ? [...new Set(broken)].sort() : [],
  };
}

function readOptions(
  ast: DockerfileAst,
  override: string | undefined,
): { options: CheckOptions; errors: readonly Diagnostic[] } {
  const directive = ast.directives.find(({ name }) => name === 'check');
  const text = override ?? directive?.value;
  if (text === undefined) return { options: NO_CHECK_OPTIONS, errors: [] };
  const result = parseCheckOptions(text);
  if (result.ok) return { options: result.options, errors: [] };
  const top = { file: ast.source, start: 0, end: 0 };
  const span = override === undefined ? (directive?.span ?? top) : top;
  return { options: NO_CHECK_OPTIONS, errors: [invalidCheckOptions(result.message, span)] };
}

interface InlineOptions {
  readonly instruction: Instruction;
  readonly options: CheckOptions;
}

function inlineOptions(ast: DockerfileAst): InlineOptions[] {
  const found: InlineOptions[] = [];
  for (const instruction of allInstructions(ast)) {
    // Of several only the first counts.
    const text = instruction.comments.map(inlineCheckText).find((found) => found !== undefined);
    const result = text === undefined ? undefined : parseCheckOptions(text);
    if (result?.ok === true) found.push({ instruction, options: result.options });
  }
  return found;
}

/** The comments above an instruction belong to it. */
function isWithin({ span }: Diagnostic, { span: whole, comments }: Instruction): boolean {
  const start = comments[0]?.span.start ?? whole.start;
  return span.file === whole.file && span.start >= start && span.start < whole.end;
}
