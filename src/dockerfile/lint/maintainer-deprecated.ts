import type { Rule } from './rule.ts';

/** MAINTAINER sets a field of the image that few tools show. */
export const maintainerDeprecated: Rule = {
  name: 'MaintainerDeprecated',
  description:
    'The MAINTAINER instruction is deprecated, use a label instead to define an image author',
  *check({ ast }) {
    for (const { kind, span } of ast.stages.flatMap(({ instructions }) => instructions)) {
      if (kind !== 'maintainer') continue;
      yield { span, message: 'Maintainer instruction is deprecated in favor of using label' };
    }
  },
};
