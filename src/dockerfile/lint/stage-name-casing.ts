import type { Rule } from './rule.ts';

/** Stage names are looked up in lower case, so two spellings of one name read like two stages. */
export const stageNameCasing: Rule = {
  name: 'StageNameCasing',
  description: 'Stage names should be lowercase',
  *check({ ast }) {
    for (const { from } of ast.stages) {
      const word = from.name?.word;
      if (word === undefined || word.raw === word.raw.toLowerCase()) continue;
      yield { span: word.span, message: `Stage name '${word.raw}' should be lowercase` };
    }
  },
};
