import type { OnbuildInstruction } from './ast.ts';
import { checkFlags } from './check-flags.ts';
import { forbiddenTrigger, wrongArguments, type Report } from './errors.ts';
import { openRequest, type InstructionRequest } from './instruction-request.ts';
import { wordOf } from './logical-line.ts';

/** What BuildKit's parser finds by itself, before the rules of the instruction come into play. */
const SYNTAX_ERRORS: ReadonlySet<string> = new Set(['JSON_NOT_STRINGS', 'NOT_A_PAIR']);

/**
 * `ONBUILD instruction`. The trigger is kept as text. It is checked here as well, but apart from its
 * syntax what is wrong with it is only a warning, as this image can be built. Those on top of it not.
 */
export function readOnbuild(
  request: InstructionRequest,
  readTrigger: (trigger: InstructionRequest) => unknown,
): OnbuildInstruction | undefined {
  checkFlags(request, {});
  const { line, rest, base, report } = request;
  if (rest.start === rest.end) {
    report(wrongArguments('ONBUILD', 'ONBUILD requires at least one argument', base.span));
    return undefined;
  }
  const trigger = openTrigger(request, asWarnings(report));
  if (trigger.name === 'onbuild') {
    const found = "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed";
    report(forbiddenTrigger(found, trigger.keyword.span));
  } else if (trigger.name === 'from' || trigger.name === 'maintainer') {
    const found = `${trigger.label} isn't allowed as an ONBUILD trigger`;
    report(forbiddenTrigger(found, trigger.keyword.span));
  } else {
    readTrigger(trigger);
  }
  const bodies = request.heredocs.map((heredoc) => `\n${heredoc.body}${heredoc.name}`);
  const word = wordOf(line, rest);
  const end = base.span.end;
  return {
    kind: 'onbuild',
    ...base,
    trigger: { raw: word.raw + bodies.join(''), span: { ...word.span, end } },
  };
}

/** The instruction behind ONBUILD as a request of its own. */
export function openTrigger(request: InstructionRequest, report: Report): InstructionRequest {
  const { line, rest, escape, heredocs, hasAllHeredocs } = request;
  return { ...openRequest(line, rest, { escape, comments: [], report }), heredocs, hasAllHeredocs };
}

function asWarnings(report: Report): Report {
  return (diagnostic) => {
    const isError = SYNTAX_ERRORS.has(diagnostic.code);
    report(isError ? diagnostic : { ...diagnostic, severity: 'warning' });
  };
}
