import type { Rule } from './rule.ts';

const RESERVED: ReadonlySet<string> = new Set(['context', 'scratch']);

/** `scratch` and `context` mean something else, so a stage of that name cannot be used. */
export const reservedStageName: Rule = {
  name: 'ReservedStageName',
  description: 'Reserved words should not be used as stage names',
  *check({ ast }) {
    for (const { name } of ast.stages.map(({ from }) => from)) {
      if (name === undefined || !RESERVED.has(name.text)) continue;
      yield {
        span: name.word.span,
        message: `Stage name should not use the same name as reserved stage "${name.text}"`,
      };
    }
  },
};
