import type { Rule } from './rule.ts';

/** `ENV key value` takes the rest of the line as value, which surprises those who write two pairs. */
export const legacyKeyValueFormat: Rule = {
  name: 'LegacyKeyValueFormat',
  description: 'Legacy key/value format with whitespace separator should not be used',
  *check({ stages }) {
    for (const instruction of stages.flatMap(({ instructions }) => instructions)) {
      const pairs =
        instruction.kind === 'env'
          ? instruction.variables
          : instruction.kind === 'label'
            ? instruction.labels
            : [];
      const name = instruction.keyword.raw;
      for (const { isLegacy } of pairs) {
        if (!isLegacy) continue;
        yield {
          span: instruction.span,
          message: `"${name} key=value" should be used instead of legacy "${name} key value" format`,
        };
      }
    }
  },
};
