import { parsePlatform, type Platform } from '../../core/platform.ts';
import { expandWord } from '../expand.ts';
import type { Rule } from './rule.ts';

/** What completes a bare `linux` or `arm64`; which one it is makes no difference to the check. */
const SOME_HOST: Platform = { os: 'linux', architecture: 'amd64' };

/** A constant keeps the stage from being built for other platforms. Names like `build-arm64` say that it is meant. */
export const fromPlatformFlagConstDisallowed: Rule = {
  name: 'FromPlatformFlagConstDisallowed',
  description: 'FROM --platform flag should not use a constant value',
  *check({ ast }) {
    for (const { platform: word, name } of ast.stages.map(({ from }) => from)) {
      if (word === undefined) continue;
      const result = expandWord(word.raw, () => undefined, { escape: ast.escape });
      if (!result.ok || result.undefinedVariables.length > 0) continue;
      const platform = parsePlatform(result.text, SOME_HOST);
      const stage = name?.text ?? '';
      if (platform === undefined) continue;
      if (stage.includes(platform.os) || stage.includes(platform.architecture)) continue;
      yield {
        span: word.span,
        message: `FROM --platform flag should not use constant value ${JSON.stringify(result.text)}`,
      };
    }
  },
};
