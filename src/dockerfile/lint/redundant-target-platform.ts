import { expandWord } from '../expand.ts';
import type { Rule } from './rule.ts';

/** A stage is for the target platform anyway. */
export const redundantTargetPlatform: Rule = {
  name: 'RedundantTargetPlatform',
  description:
    'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
  *check({ ast, defaults }) {
    for (const { platform } of ast.stages.map(({ from }) => from)) {
      if (platform === undefined) continue;
      const { escape } = ast;
      const result = expandWord(platform.raw, (name) => defaults.get(name), { escape });
      if (!result.ok || result.undefinedVariables.length > 0) continue;
      const isOnlyTarget = result.usedVariables.join() === 'TARGETPLATFORM';
      if (!isOnlyTarget || result.text !== defaults.get('TARGETPLATFORM')) continue;
      yield {
        span: platform.span,
        message: `Setting platform to predefined ${platform.raw} in FROM is redundant as this is the default behavior`,
      };
    }
  },
};
