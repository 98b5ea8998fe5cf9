import { isSpace, type Range } from './white-space.ts';

/**
 * Words of ENV, LABEL and ARG: separated by white space that is neither quoted nor escaped. Quotes
 * and escapes stay in the words. An escape character that ends the line belongs to no word.
 */
export function splitQuotedWords(text: string, { start, end }: Range, escape: string): Range[] {
  const words: Range[] = [];
  let wordStart = -1;
  let quote = '';
  for (let at = start; at < end; at++) {
    const character = text.charAt(at);
    if (quote === '' && isSpace(character.charCodeAt(0))) {
      if (wordStart >= 0) words.push({ start: wordStart, end: at });
      wordStart = -1;
      continue;
    }
    const isEscape = character === escape && quote !== "'";
    if (isEscape && at + 1 === end) {
      if (wordStart >= 0) words.push({ start: wordStart, end: at });
      return words;
    }
    if (wordStart < 0) wordStart = at;
    if (isEscape) at++;
    else if (character === quote) quote = '';
    else if (quote === '' && (character === "'" || character === '"')) quote = character;
  }
  if (wordStart >= 0) words.push({ start: wordStart, end });
  return words;
}
