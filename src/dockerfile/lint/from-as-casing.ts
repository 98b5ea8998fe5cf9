import type { FromInstruction } from '../ast.ts';
import type { Rule } from './rule.ts';

/** `FROM x as y` mixes two styles in one line. A keyword like `From` is left to another check. */
export const fromAsCasing: Rule = {
  name: 'FromAsCasing',
  description: "The 'as' keyword should match the case of the 'from' keyword",
  *check({ ast }) {
    for (const { from } of ast.stages) {
      const keyword = from.keyword.raw;
      const as = asKeyword(from);
      if (as === undefined || isSameCasing(keyword, as.raw)) continue;
      yield {
        span: as.span,
        message: `'${as.raw}' and '${keyword}' keywords' casing do not match`,
      };
    }
  },
};

function isSameCasing(keyword: string, as: string): boolean {
  if (keyword === keyword.toLowerCase()) return as === as.toLowerCase();
  if (keyword === keyword.toUpperCase()) return as === as.toUpperCase();
  return true;
}

/** The tree does not hold the word: it stands alone between image and name. */
function asKeyword({ image, name }: FromInstruction): FromInstruction['keyword'] | undefined {
  if (name === undefined) return undefined;
  const { file, end } = image.span;
  // Continuation lines and comments may stand in between; the word is the last before the name.
  const between = file.text.slice(end, name.word.span.start);
  const at = /[Aa][Ss](?=\s+(?:[\\`]\s*(?:\s*#.*\n)*\s*)*$)/.exec(between)?.index;
  if (at === undefined) return undefined;
  const start = end + at;
  return {
    raw: file.text.slice(start, start + 2),
    span: { file, start, end: start + 2 },
  };
}
