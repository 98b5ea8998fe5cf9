import { parseArgv } from './argv.ts';
import { badFlagValue, unsupportedFlag, wrongArgumentCount } from './errors.ts';
import type { FlagTable, FlagValues } from './flag-table.ts';
import { renderHelp } from './help.ts';
import { isStartedAnew } from './user-identity.ts';

/** A text stream out, as far as commands need one. */
export interface Output {
  /** Never throws; a reader that is gone ends the process quietly (exit.ts). */
  write(text: string | Uint8Array): void;
  /** Resolves when all of it was taken, or nobody takes it any more. Without it the end may be lost. */
  flush(): Promise<void>;
  /** For results that are written as they come; waits when the reader is slow. */
  stream(): NodeJS.WritableStream;
  readonly isTerminal: boolean;
  /** Cells per row and rows; undefined where the output has no size. */
  size(): { readonly columns: number; readonly rows: number } | undefined;
  /** Calls back when the size changed, until the returned function is called. */
  onResize(listener: () => void): () => void;
}

/** The world as a command sees it. Tests pass their own. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  readonly uid: number;
  readonly homeDir: string;
  /** Value of `process.arch`. */
  readonly arch: string;
  /** Starts this program again, without the words that it was given. */
  readonly program: readonly [string, ...string[]];
  /** The words that it was given. */
  readonly argv: readonly string[];
  readonly stdin: NodeJS.ReadableStream;
  readonly isStdinTerminal: boolean;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  now(): number;
}

/** A command, ready to be run with the words after its name. */
export interface Command {
  readonly summary: string;
  /** Resolves to the exit status. @throws BuildError */
  execute(name: string, argv: readonly string[], context: CommandContext): Promise<number>;
}

/** What a command file says about itself. */
export interface CommandDefinition<Table extends FlagTable> {
  /** What follows the command's name, `[OPTIONS] PATH | -`. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: Table;
  /** How many words it takes. `expected` is the words for it, `one image name`. */
  readonly words: { readonly min: number; readonly max: number; readonly expected: string };
  /** See `ArgvOptions`. Default true. */
  readonly allowsFlagsAfterWords?: boolean;
  /** See `ArgvOptions`. Default false. */
  readonly ignoresEmptyTexts?: boolean;
  /** See `ArgvOptions`. */
  readonly answerTo?: (name: string) => string | undefined;
  run(input: CommandInput<Table>, context: CommandContext): Promise<number>;
}

/** The command line of one command, parsed. */
export interface CommandInput<Table extends FlagTable> {
  readonly flags: FlagValues<Table>;
  readonly words: readonly string[];
  /** Something was said about flags, outside of what the command itself tells. */
  readonly hasWarned: boolean;
}

/**
 * Makes a command of its definition: help, flags, flags of Docker's without effect and the number of
 * words are dealt with here, so that `run` sees only good input.
 */
export function defineCommand<Table extends FlagTable>(
  definition: CommandDefinition<Table>,
): Command {
  return {
    summary: definition.summary,
    async execute(name, argv, context) {
      const command = `stagecraft ${name}`;
      const { flags, allowsFlagsAfterWords = true, ignoresEmptyTexts = false } = definition;
      const parsed = parseArgv(flags, argv, {
        command,
        allowsFlagsAfterWords,
        ignoresEmptyTexts,
        ...(definition.answerTo && { answerTo: definition.answerTo }),
      });
      if (parsed.wantsHelp) {
        context.stdout.write(renderHelp(command, definition));
        return 0;
      }
      const hasWarned = checkFlagStatus(definition.flags, parsed.flags, parsed.given, context);
      const { min, max, expected } = definition.words;
      const count = parsed.positionals.length;
      if (count < min || count > max) {
        throw wrongArgumentCount(command, expected, count, definition.usage);
      }
      return definition.run({ flags: parsed.flags, words: parsed.positionals, hasWarned }, context);
    },
  };
}

/** Refuses flags that cannot be had. True when there is one without effect, which is said. */
function checkFlagStatus(
  table: FlagTable,
  values: Readonly<Record<string, unknown>>,
  given: readonly string[],
  { env, stderr }: Pick<CommandContext, 'env' | 'stderr'>,
): boolean {
  let hasWarned = false;
  for (const name of given) {
    const flag = table[name];
    if (flag?.status === undefined || flag.status === 'ignored') continue;
    if (asksForNothing(values[name])) continue;
    const note = flag.note ?? 'it is not supported';
    if (flag.status === 'unsupported') throw unsupportedFlag(`--${name}`, note);
    hasWarned = true;
    if (!isStartedAnew(env)) stderr.write(`warning: "--${name}" has no effect: ${note}\n`);
  }
  return hasWarned;
}

/** `--push=false`, `--provenance=false`, and what buildx makes of that: `--attest type=sbom,disabled=true`. */
function asksForNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(asksForNothing);
  return (
    value === false ||
    value === 'false' ||
    (typeof value === 'string' && /(?:^|,)disabled=true(?:,|$)/.test(value))
  );
}

/** Picks one of the words a flag may have. @throws BuildError FLAG_VALUE_INVALID */
export function oneOf<Choice extends string>(
  written: string,
  value: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const list = choices.map((choice) => `"${choice}"`).join(', ');
  throw badFlagValue(written, value, `expected one of ${list}`);
}
