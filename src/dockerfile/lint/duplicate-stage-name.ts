import type { Rule } from './rule.ts';

/** Of two stages with one name, instructions further down mean the last. */
export const duplicateStageName: Rule = {
  name: 'DuplicateStageName',
  description: 'Stage names should be unique',
  *check({ ast }) {
    const seen = new Set<string>();
    for (const { name } of ast.stages.map(({ from }) => from)) {
      if (name === undefined) continue;
      if (seen.has(name.text)) {
        yield {
          span: name.word.span,
          message: `Duplicate stage name "${name.text}", stage names should be unique`,
        };
      }
      seen.add(name.text);
    }
  },
};
