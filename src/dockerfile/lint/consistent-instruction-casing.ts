import type { Rule } from './rule.ts';

/** Either all keywords in capitals or none; the majority decides, and capitals when it is even. */
export const consistentInstructionCasing: Rule = {
  name: 'ConsistentInstructionCasing',
  description:
    'All commands within the Dockerfile should use the same casing (either upper or lower)',
  *check({ ast }) {
    const keywords = ast.stages.flatMap(({ from, instructions }) => [
      from.keyword,
      ...instructions.map(({ keyword }) => keyword),
    ]);
    const lower = keywords.filter(({ raw }) => raw === raw.toLowerCase()).length;
    const upper = keywords.filter(({ raw }) => raw === raw.toUpperCase()).length;
    const isLower = lower > upper;
    for (const { raw, span } of keywords) {
      if (raw === (isLower ? raw.toLowerCase() : raw.toUpperCase())) continue;
      const majority = isLower ? 'lowercase' : 'uppercase';
      yield {
        span,
        message: `Command '${raw}' should match the case of the command majority (${majority})`,
      };
    }
  },
};
