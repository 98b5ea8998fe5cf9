import type { Comment } from '../ast.ts';

/** What `# check=…` and BUILDKIT_DOCKERFILE_CHECK say. */
export interface CheckOptions {
  readonly skips: RuleSet;
  readonly enables: RuleSet;
  /** `error=true`: findings make the build fail. */
  readonly isError: boolean;
}

/** Names of rules, or all of them. */
export type RuleSet = 'all' | ReadonlySet<string>;

/** Options, or why the text has none. */
export type CheckOptionsResult =
  | { readonly ok: true; readonly options: CheckOptions }
  | { readonly ok: false; readonly message: string };

const NONE: ReadonlySet<string> = new Set();
/** With none of them written. */
export const NO_CHECK_OPTIONS: CheckOptions = { skips: NONE, enables: NONE, isError: false };

/** More parts than this have no meaning; what follows belongs to the last one. */
const MAX_PARTS = 3;

/** Reads `skip=A,B;error=true;experimental=C`, in BuildKit's form: each part once, in any order. */
export function parseCheckOptions(text: string): CheckOptionsResult {
  let options = NO_CHECK_OPTIONS;
  if (text.trim() === '') return { ok: true, options };
  for (const part of splitParts(text)) {
    const equals = part.indexOf('=');
    if (equals === -1) return invalid(part);
    const name = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    if (name === 'skip') {
      options = { ...options, skips: parseRuleSet(value) };
    } else if (name === 'experimental') {
      options = { ...options, enables: parseRuleSet(value) };
    } else if (name === 'error') {
      const isError = parseBoolean(value);
      if (isError === undefined) {
        return {
          ok: false,
          message: `failed to parse check option ${JSON.stringify(part)}: expected true or false`,
        };
      }
      options = { ...options, isError };
    } else {
      return invalid(name);
    }
  }
  return { ok: true, options };
}

/**
 * What follows `# check=` in a comment above an instruction, up to the first blank: the reason may stand
 * behind it. Undefined for other comments.
 */
export function inlineCheckText({ text }: Comment): string | undefined {
  return /^check\s*=\s*([^ ]+)/i.exec(text)?.[1];
}

/** True when the set names the rule. */
export function hasRule(rules: RuleSet, name: string): boolean {
  return rules === 'all' || rules.has(name);
}

function splitParts(text: string): string[] {
  const parts = text.split(';');
  const last = parts.slice(MAX_PARTS - 1).join(';');
  return parts.length <= MAX_PARTS ? parts : [...parts.slice(0, MAX_PARTS - 1), last];
}

function parseRuleSet(value: string): RuleSet {
  return value === 'all' ? 'all' : new Set(value.split(',').map((name) => name.trim()));
}

/** The words of Go's `strconv.ParseBool`. */
function parseBoolean(value: string): boolean | undefined {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true;
  return /^(?:0|f|F|FALSE|false|False)$/.test(value) ? false : undefined;
}

function invalid(what: string): CheckOptionsResult {
  return { ok: false, message: `invalid check option ${JSON.stringify(what)}` };
}
