/**
 * One flag of a command, as data. Parsing, help and completion all read the same table.
 *
 * `status` says what becomes of a flag that Docker has and we do not act on:
 * `ignored` is accepted in silence because it asks for what happens anyway, `warned` is accepted with
 * one warning, `unsupported` is refused. `note` finishes the sentence in the last two cases.
 */
export interface Flag {
  readonly kind: FlagKind;
  /** One letter, without its dash. */
  readonly short?: string;
  /** What stands for the value in the help text. Left out for switches. */
  readonly value?: string;
  readonly help: string;
  readonly status?: 'ignored' | 'warned' | 'unsupported';
  readonly note?: string;
  /** Works, but is left out of the help text. */
  readonly isHidden?: boolean;
}

/**
 * `switch`: `--name`, `--name=true|false`. `text`: one value, the last one counts. `list`: may be
 * repeated, in order, values not split at commas.
 */
export type FlagKind = 'switch' | 'text' | 'list';

/** Long name without dashes → flag. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** What parsing gives for a table. Undefined: not given. A list that was not given is empty. */
export type FlagValues<Table extends FlagTable> = {
  readonly [Name in keyof Table]: Table[Name]['kind'] extends 'switch'
    ? boolean | undefined
    : Table[Name]['kind'] extends 'text'
      ? string | undefined
      : readonly string[];
};

type FlagDetails = Omit<Flag, 'kind' | 'help' | 'value'>;
type FlagOf<Kind extends FlagKind> = Flag & { readonly kind: Kind };

/** A flag that is on or off. */
export function switchFlag(help: string, details: FlagDetails = {}): FlagOf<'switch'> {
  return { kind: 'switch', help, ...details };
}

/** A flag with one value; given twice, the last one counts. */
export function textFlag(value: string, help: string, details: FlagDetails = {}): FlagOf<'text'> {
  return { kind: 'text', value, help, ...details };
}

/** A flag that may be given many times. */
export function listFlag(value: string, help: string, details: FlagDetails = {}): FlagOf<'list'> {
  return { kind: 'list', value, help, ...details };
}
