import { badFlagSyntax, badSwitchValue, missingFlagValue, unknownFlag } from './errors.ts';
import type { Flag, FlagTable, FlagValues } from './flag-table.ts';

/** A command line after its flags were taken out. */
export interface ParsedArgv<Table extends FlagTable> {
  readonly flags: FlagValues<Table>;
  /** In order, `-` included. */
  readonly positionals: readonly string[];
  /** Names of the flags that were given, each once, in order of first use. */
  readonly given: readonly string[];
  /** `--help` or `-h` was given; nothing else was checked then. */
  readonly wantsHelp: boolean;
}

/** How to read a command line. */
export interface ArgvOptions {
  /** The words before the flags, `stagecraft build`; named in errors. */
  readonly command: string;
  /**
   * False: the first word that is not a flag ends the flags, as in `run IMAGE COMMAND -x`.
   * True: flags and words may be mixed.
   */
  readonly allowsFlagsAfterWords: boolean;
  /** True: a flag with one value that is empty counts as not given, as `-f "$FILE"` in a script means it. */
  readonly ignoresEmptyTexts?: boolean;
  /** What to say of a flag that is not in the table, by its name without dashes. */
  readonly answerTo?: (name: string) => string | undefined;
}

type RawValue = boolean | string | string[];

/**
 * Reads a command line by the rules of Go's pflag package, which Docker uses
 * (github.com/spf13/pflag, flag.go: parseLongArg, parseSingleShortArg):
 * `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, grouped switches `-abn value`.
 * A flag with a value takes the next word whatever it looks like. A switch never takes the next word.
 * `--` ends the flags and is dropped; `-` is a word.
 *
 * @throws BuildError UNKNOWN_FLAG, FLAG_VALUE_MISSING, FLAG_VALUE_INVALID, FLAG_SYNTAX
 */
export function parseArgv<Table extends FlagTable>(
  table: Table,
  argv: readonly string[],
  options: ArgvOptions,
): ParsedArgv<Table> {
  const reader = new ArgvReader(table, argv, options);
  reader.read();
  return {
    // The reader filled every name of the table with the type its kind calls for.
    flags: Object.fromEntries(reader.values) as FlagValues<Table>,
    positionals: reader.positionals,
    given: [...reader.given],
    wantsHelp: reader.wantsHelp,
  };
}

class ArgvReader {
  readonly values = new Map<string, RawValue | undefined>();
  readonly positionals: string[] = [];
  readonly given = new Set<string>();
  wantsHelp = false;

  readonly #table: FlagTable;
  readonly #shorts = new Map<string, string>();
  readonly #argv: readonly string[];
  readonly #options: ArgvOptions;
  #next = 0;

  constructor(table: FlagTable, argv: readonly string[], options: ArgvOptions) {
    this.#table = table;
    this.#argv = argv;
    this.#options = options;
    for (const [name, flag] of Object.entries(table)) {
      this.values.set(name, flag.kind === 'list' ? [] : undefined);
      if (flag.short !== undefined) this.#shorts.set(flag.short, name);
    }
  }

  read(): void {
    for (;;) {
      const word = this.#argv[this.#next++];
      if (word === undefined || this.wantsHelp) return;
      if (word === '--') {
        this.positionals.push(...this.#argv.slice(this.#next));
        return;
      }
      if (word.startsWith('--')) this.#readLong(word);
      else if (word.startsWith('-') && word !== '-') this.#readShorts(word);
      else if (this.#options.allowsFlagsAfterWords) this.positionals.push(word);
      else {
        this.positionals.push(...this.#argv.slice(this.#next - 1));
        return;
      }
    }
  }

  #readLong(word: string): void {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals === -1 ? undefined : equals);
    if (name === '' || name.startsWith('-')) throw badFlagSyntax(word, this.#options.command);
    const flag = this.#flag(name);
    if (flag === undefined) {
      if (name === 'help') {
        this.wantsHelp = true;
        return;
      }
      const { command, answerTo } = this.#options;
      const names = Object.keys(this.#table);
      throw unknownFlag(`--${name}`, names, command, undefined, answerTo?.(name));
    }
    const inline = equals === -1 ? undefined : word.slice(equals + 1);
    this.#take(name, flag, inline, `--${name}`);
  }

  #readShorts(word: string): void {
    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      const name = this.#shorts.get(letter);
      const flag = name === undefined ? undefined : this.#flag(name);
      if (name === undefined || flag === undefined) {
        if (letter === 'h') {
          this.wantsHelp = true;
          return;
        }
        throw unknownFlag(`-${letter}`, [], this.#options.command, word);
      }
      // `-n=value`: the rule holds for switches too, and only when something follows the sign.
      if (word.length > at + 2 && word[at + 1] === '=') {
        this.#take(name, flag, word.slice(at + 2), `-${letter}`);
        return;
      }
      if (flag.kind !== 'switch') {
        const rest = word.slice(at + 1);
        this.#take(name, flag, rest === '' ? undefined : rest, `-${letter}`);
        return;
      }
      this.#take(name, flag, undefined, `-${letter}`);
    }
  }

  #take(name: string, flag: Flag, inline: string | undefined, written: string): void {
    this.given.add(name);
    if (flag.kind === 'switch') {
      this.values.set(name, inline === undefined ? true : parseSwitch(inline, written));
      return;
    }
    const value = inline ?? this.#argv[this.#next++];
    if (value === undefined) throw missingFlagValue(written, this.#options.command);
    const before = this.values.get(name);
    if (Array.isArray(before)) before.push(value);
    else if (value !== '' || this.#options.ignoresEmptyTexts !== true) this.values.set(name, value);
  }

  #flag(name: string): Flag | undefined {
    return Object.hasOwn(this.#table, name) ? this.#table[name] : undefined;
  }
}

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

/** The words that Go's strconv.ParseBool takes, and no others. */
function parseSwitch(text: string, written: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw badSwitchValue(written, text);
}
