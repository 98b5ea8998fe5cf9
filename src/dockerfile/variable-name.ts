/** Letters, digits and `_`; or digits alone; or one special parameter. "" if none of these is at `start`. */
export function variableNameAt(text: string, start: number): string {
  const first = characterAt(text, start);
  if (first === '') return '';
  if ('@*#?-$!'.includes(first)) return first;
  const isPart = isDigit(first) ? isDigit : isNamePart;
  let end = start;
  for (let next = first; isPart(next); next = characterAt(text, end)) end += next.length;
  return text.slice(start, end);
}

/** The whole character at an index of UTF-16 units; "" at the end. */
export function characterAt(text: string, at: number): string {
  const point = text.codePointAt(at);
  return point === undefined ? '' : String.fromCodePoint(point);
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9' ? true : /^\p{Nd}$/u.test(character);
}

function isNamePart(character: string): boolean {
  return /^[\p{L}\p{Nd}_]$/u.test(character);
}
