import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';

/** Receives findings while parsing goes on. */
export type Report = (diagnostic: Diagnostic) => void;

/*
 * The texts after "Cannot …: " are BuildKit's own (frontend/dockerfile/parser and instructions), so
 * that searching the web for one of them finds the known answers.
 */

/** UTF-16 units. A word of a Dockerfile can be as long as a line. */
const MAX_MESSAGE_LENGTH = 500;

function finding(code: string, message: string, span: Span, hint?: string): Diagnostic {
  return { severity: 'error', code, message: printable(message), span, hint };
}

/** Parts of messages come from the file: no control characters for the terminal, no endless lines. */
function printable(message: string): string {
  const isLong = message.length > MAX_MESSAGE_LENGTH;
  const shown = isLong ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message;
  return shown.replace(/\p{Cc}/gu, '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** Go's `%q`, near enough for messages: quoted, with control characters escaped. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

function didYouMean(similar: string | undefined): string | undefined {
  return similar === undefined ? undefined : `Did you mean "${similar}"?`;
}

export function duplicateDirective(name: string, span: Span): Diagnostic {
  const found = `only one ${name} parser directive can be used`;
  return finding('DUPLICATE_DIRECTIVE', `Cannot parse Dockerfile: ${found}`, span);
}

export function invalidEscape(value: string, span: Span): Diagnostic {
  const found = `invalid escape token '${value}' does not match \` or \\`;
  return finding('INVALID_ESCAPE_DIRECTIVE', `Cannot parse Dockerfile: ${found}`, span);
}

export function noInstructions(span: Span): Diagnostic {
  return finding(
    'EMPTY_DOCKERFILE',
    'Cannot parse Dockerfile: file with no instructions',
    span,
    'Begin with a FROM instruction',
  );
}

export function lineTooLong(limit: number, span: Span): Diagnostic {
  const found = `dockerfile line greater than max allowed size of ${limit}`;
  return finding(
    'LINE_TOO_LONG',
    `Cannot parse Dockerfile: ${found}`,
    span,
    'Break the line with a continuation character',
  );
}

export function fileTooLarge(bytes: number, limit: number, span: Span): Diagnostic {
  const found = `it has ${bytes} bytes, the limit is ${limit}`;
  return finding('DOCKERFILE_TOO_LARGE', `Cannot parse Dockerfile: ${found}`, span);
}

export function tooManyInstructions(limit: number, span: Span): Diagnostic {
  const found = `it has more than ${limit} instructions`;
  return finding('TOO_MANY_INSTRUCTIONS', `Cannot parse Dockerfile: ${found}`, span);
}

export function tooManyStages(limit: number, span: Span): Diagnostic {
  const found = `it has more than ${limit} stages`;
  return finding('TOO_MANY_STAGES', `Cannot parse Dockerfile: ${found}`, span);
}

export function tooManyFindings(limit: number, span: Span): Diagnostic {
  const found = `only the first ${limit} problems are shown`;
  return finding('TOO_MANY_PROBLEMS', `Cannot parse the rest of the Dockerfile: ${found}`, span);
}

export function unknownInstruction(
  keyword: string,
  span: Span,
  similar: string | undefined,
): Diagnostic {
  return finding(
    'UNKNOWN_INSTRUCTION',
    `Cannot parse Dockerfile: unknown instruction: ${keyword}`,
    span,
    didYouMean(similar),
  );
}

export function noStageYet(keyword: string, span: Span): Diagnostic {
  return finding(
    'INSTRUCTION_BEFORE_FROM',
    `Cannot parse ${keyword}: no build stage in current context`,
    span,
    'Put FROM before it; only ARG may stand above the first FROM',
  );
}

export function unterminatedHeredoc(keyword: string, name: string, span: Span): Diagnostic {
  return finding(
    'UNTERMINATED_HEREDOC',
    `Cannot parse ${keyword}: unterminated heredoc`,
    span,
    `End it with a line that holds only ${quoted(name)}`,
  );
}

export function unknownFlag(
  keyword: string,
  flag: string,
  span: Span,
  similar: string | undefined,
): Diagnostic {
  return finding(
    'UNKNOWN_FLAG',
    `Cannot parse ${keyword}: unknown flag: ${flag}`,
    span,
    didYouMean(similar === undefined ? undefined : `--${similar}`),
  );
}

export function duplicateFlag(keyword: string, flag: string, span: Span): Diagnostic {
  const found = `duplicate flag specified: ${flag}`;
  return finding('DUPLICATE_FLAG', `Cannot parse ${keyword}: ${found}`, span);
}

export function missingFlagValue(keyword: string, flag: string, span: Span): Diagnostic {
  const found = `missing a value on flag: ${flag}`;
  return finding('MISSING_FLAG_VALUE', `Cannot parse ${keyword}: ${found}`, span);
}

export function notBoolean(keyword: string, flag: string, value: string, span: Span): Diagnostic {
  const found = `expecting boolean value for flag ${flag}, not: ${value}`;
  return finding('FLAG_NOT_BOOLEAN', `Cannot parse ${keyword}: ${found}`, span);
}

/** A flag whose value has the right form but not an allowed meaning. `found` is the whole reason. */
export function invalidFlagValue(
  keyword: string,
  found: string,
  span: Span,
  similar?: string,
): Diagnostic {
  return finding(
    'INVALID_FLAG_VALUE',
    `Cannot parse ${keyword}: ${found}`,
    span,
    didYouMean(similar),
  );
}

/** Too few, too many or blank arguments. `found` is the whole reason. */
export function wrongArguments(
  keyword: string,
  found: string,
  span: Span,
  hint?: string,
): Diagnostic {
  return finding('WRONG_ARGUMENTS', `Cannot parse ${keyword}: ${found}`, span, hint);
}

/** An argument of ENV or LABEL that has no value. `found` is the whole reason. */
export function notAPair(keyword: string, found: string, span: Span, hint?: string): Diagnostic {
  return finding('NOT_A_PAIR', `Cannot parse ${keyword}: ${found}`, span, hint);
}

export function jsonNotStrings(keyword: string, span: Span): Diagnostic {
  const found = 'when using JSON array syntax, arrays must be comprised of strings only';
  return finding('JSON_NOT_STRINGS', `Cannot parse ${keyword}: ${found}`, span);
}

export function invalidStageName(name: string, span: Span): Diagnostic {
  const found = `invalid name for build stage: ${quoted(name)}, name can't start with a number or contain symbols`;
  return finding('INVALID_STAGE_NAME', `Cannot parse FROM: ${found}`, span);
}

export function forbiddenTrigger(found: string, span: Span): Diagnostic {
  return finding('FORBIDDEN_TRIGGER', `Cannot parse ONBUILD: ${found}`, span);
}

export function notOneTrigger(span: Span): Diagnostic {
  const found = 'onbuild trigger should be a single expression';
  return finding('INVALID_TRIGGER', `Cannot parse ONBUILD trigger: ${found}`, span);
}

export function invalidHealthcheck(found: string, span: Span): Diagnostic {
  return finding('INVALID_HEALTHCHECK', `Cannot parse HEALTHCHECK: ${found}`, span);
}

export function invalidCheckOptions(found: string, span: Span): Diagnostic {
  return finding(
    'INVALID_CHECK_OPTION',
    `Cannot parse the check directive: ${found}`,
    span,
    'Write for example # check=skip=StageNameCasing;error=true',
  );
}

export function invalidMount(found: string, span: Span, similar: string | undefined): Diagnostic {
  return finding('INVALID_MOUNT', `Cannot parse RUN --mount: ${found}`, span, didYouMean(similar));
}

export function unreadableHeredoc(
  keyword: string,
  found: string,
  span: Span,
  hint?: string,
): Diagnostic {
  return finding('UNREADABLE_HEREDOC', `Cannot parse ${keyword}: ${found}`, span, hint);
}

export function invalidPattern(found: string, span: Span): Diagnostic {
  return finding('INVALID_IGNORE_PATTERN', `Cannot use ignore pattern: ${found}`, span);
}

export function ignoreFileTooLarge(found: string, span: Span): Diagnostic {
  return finding('IGNORE_FILE_TOO_LARGE', `Cannot read ignore file: it has ${found}`, span);
}
