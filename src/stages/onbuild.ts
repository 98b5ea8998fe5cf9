import type { Span } from '../diagnostics/source.ts';
import type { StageInstruction } from '../dockerfile/ast.ts';
import { parseOnbuildTrigger } from '../dockerfile/parse-dockerfile.ts';
import { onbuildTriggerInvalid } from './errors.ts';

/**
 * The instructions that the triggers of a base stand for. Their spans point into the text of the
 * trigger, shown under the name of the base; a trigger that is no instruction is blamed on the FROM.
 * @throws BuildError ONBUILD_TRIGGER_INVALID
 */
export function readTriggers(
  triggers: readonly string[],
  base: { readonly name: string; readonly from: Span },
): StageInstruction[] {
  return triggers.map((text) => {
    const { instruction, diagnostics } = parseOnbuildTrigger(
      text,
      `ONBUILD trigger of ${base.name}`,
    );
    const error = diagnostics.find(({ severity }) => severity === 'error');
    if (instruction === undefined || error !== undefined) {
      throw onbuildTriggerInvalid(text, error?.message ?? 'it is empty', base.from);
    }
    return instruction;
  });
}
