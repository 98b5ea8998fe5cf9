/** The mode a file gets from `--chmod`. */
export interface ModeChange {
  /** Exact permission bits when they are given as a number. */
  readonly octal: number | undefined;
  /** New permission bits of a file that has `mode` in the source. */
  apply(mode: number, isDirectory: boolean): number;
}

const ALL_PERMISSIONS = 0o7777;
const SET_ID = 0o6000;
const STICKY = 0o1000;
const ANY_EXECUTE = 0o111;
const WHO: Readonly<Record<string, number>> = { a: 0o6777, u: 0o4700, g: 0o2070, o: 0o0007 };
const SHIFTS: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

/**
 * Reads `--chmod`: octal up to 7777, or symbolic as chmod(1) takes it, with umask 0. Corner cases are
 * those of BuildKit's parser (github.com/tonistiigi/dchapes-mode). Undefined when it is neither.
 */
export function parseModeChange(text: string): ModeChange | undefined {
  if (/^[0-7]+$/.test(text)) {
    const octal = Number.parseInt(text, 8);
    return octal > ALL_PERMISSIONS ? undefined : { octal, apply: () => octal };
  }
  const steps: Step[] = [];
  for (const clause of text.split(',')) {
    const match = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause);
    if (match === null) return undefined;
    const [, who = '', actions = ''] = match;
    steps.push(...readClause(who, actions));
  }
  return {
    octal: undefined,
    apply(mode, isDirectory) {
      const state = { mode, original: mode, isDirectory };
      for (const step of steps) state.mode = step(state);
      return state.mode & ALL_PERMISSIONS;
    },
  };
}

type Step = (state: {
  readonly mode: number;
  readonly original: number;
  readonly isDirectory: boolean;
}) => number;

function readClause(whoText: string, actions: string): Step[] {
  let who = 0;
  for (const letter of whoText) who |= WHO[letter] ?? 0;
  return (actions.match(/[-+=][rwxXstugo]*/g) ?? []).flatMap((action) => {
    const steps = new ActionReader(action.charAt(0), who & ~STICKY);
    for (const letter of action.slice(1)) steps.read(letter);
    return steps.finish();
  });
}

/** One operator and its permissions; collects bits until something has to be applied before the rest. */
class ActionReader {
  readonly #operator: string;
  readonly #steps: Step[] = [];
  #who: number;
  #bits = 0;
  #executeIfAny = 0;
  #isAssigned = false;

  constructor(operator: string, who: number) {
    this.#operator = operator;
    this.#who = who;
  }

  read(letter: string): void {
    // With "o" alone, set-id and sticky mean nothing.
    const takesSpecial = this.#who === 0 || (this.#who & ~0o7) !== 0;
    switch (letter) {
      case 'r':
        this.#bits |= 0o444;
        break;
      case 'w':
        this.#bits |= 0o222;
        break;
      case 'x':
        this.#bits |= ANY_EXECUTE;
        break;
      case 'X':
        if (this.#operator === '-') this.#bits |= ANY_EXECUTE;
        else this.#executeIfAny = ANY_EXECUTE;
        break;
      case 's':
        if (takesSpecial) this.#bits |= SET_ID;
        break;
      case 't':
        if (takesSpecial) {
          this.#who |= STICKY;
          this.#bits |= STICKY;
        }
        break;
      default:
        if (this.#bits !== 0) this.#flushBits();
        this.#isAssigned ||= this.#operator === '=';
        this.#flushExecute();
        this.#steps.push(copyStep(letter, this.#operator, this.#who));
    }
  }

  finish(): Step[] {
    if (this.#bits !== 0 || (this.#operator === '=' && !this.#isAssigned)) this.#flushBits();
    this.#flushExecute();
    return this.#steps;
  }

  #flushBits(): void {
    const bits = this.#bits & this.#reach();
    const cleared = this.#who === 0 ? 0o6777 : this.#who;
    const operator = this.#operator;
    this.#steps.push(({ mode }) => {
      if (operator === '-') return mode & ~bits;
      return (operator === '=' ? mode & ~cleared : mode) | bits;
    });
    this.#isAssigned ||= operator === '=';
    this.#bits = 0;
  }

  #flushExecute(): void {
    const bits = this.#executeIfAny & this.#reach();
    this.#executeIfAny = 0;
    if (bits === 0) return;
    this.#steps.push(({ mode, original, isDirectory }) =>
      isDirectory || (original & ANY_EXECUTE) !== 0 ? mode | bits : mode,
    );
  }

  /** Without "who" every bit can be changed, as the umask is 0. */
  #reach(): number {
    return this.#who === 0 ? ALL_PERMISSIONS : this.#who;
  }
}

/** `g=u`: the permissions of one class for the others. */
function copyStep(from: string, operator: string, who: number): Step {
  const targets = Object.entries(SHIFTS)
    .filter(([, shift]) => who === 0 || (who & (0o4 << shift)) !== 0)
    .map(([, shift]) => shift);
  const source = SHIFTS[from] ?? 0;
  return ({ mode }) => {
    const value = (mode >> source) & 0o7;
    return targets.reduce((changed, shift) => {
      if (operator === '-') return changed & ~(value << shift);
      return (operator === '=' ? changed & ~(0o7 << shift) : changed) | (value << shift);
    }, mode);
  };
}
