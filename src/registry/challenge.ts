/** One way to prove who we are that a server offers (RFC 9110, 11.6.1). */
export interface Challenge {
  /** Lower case, e.g. `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

const MAX_HEADER_CHARS = 8192;
const TOKEN = /[!#$%&'*+\-.^_`|~\w]+/y;
const SPACE = /[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;

/** Reads WWW-Authenticate, which may hold several challenges. What cannot be read ends the list. */
export function parseChallenges(header: string): readonly Challenge[] {
  const text = header.slice(0, MAX_HEADER_CHARS);
  const challenges: { scheme: string; params: Map<string, string> }[] = [];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  while (at < text.length) {
    match(SPACE);
    if (text[at] === ',') {
      at++;
      continue;
    }
    const word = match(TOKEN)?.[0];
    if (word === undefined) break;
    match(SPACE);
    if (text[at] !== '=') {
      challenges.push({ scheme: word.toLowerCase(), params: new Map() });
      continue;
    }
    at++;
    match(SPACE);
    const quoted = match(QUOTED)?.[1];
    const value = quoted?.replace(/\\(.)/g, '$1') ?? match(TOKEN)?.[0];
    if (value === undefined) break;
    const params = challenges.at(-1)?.params;
    // Of two parameters of one name, only the first can be meant.
    if (params?.has(word.toLowerCase()) === false) params.set(word.toLowerCase(), value);
  }
  return challenges;
}
