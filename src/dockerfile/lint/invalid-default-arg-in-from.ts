import { isReference } from '../../core/image-reference.ts';
import { expandWord } from '../expand.ts';
import type { Rule } from './rule.ts';

/** Without build arguments, FROM should still name an image. */
export const invalidDefaultArgInFrom: Rule = {
  name: 'InvalidDefaultArgInFrom',
  description: 'Default value for global ARG results in an empty or invalid base image name',
  *check({ ast, defaults }) {
    const { escape } = ast;
    for (const { image } of ast.stages.map(({ from }) => from)) {
      const result = expandWord(image.raw, (name) => defaults.get(name), { escape });
      // What cannot be expanded at all is an error of its own.
      if (!result.ok || isReference(result.text)) continue;
      yield {
        span: image.span,
        message: `Default value for ARG ${image.raw} results in empty or invalid base image name`,
      };
    }
  },
};
