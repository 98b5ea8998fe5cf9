import type { StageNode } from '../ast.ts';
import type { LintFile } from './lint-file.ts';
import type { Rule } from './rule.ts';

/** A shell between the runtime and the program does not pass signals on. */
export const jsonArgsRecommended: Rule = {
  name: 'JSONArgsRecommended',
  description:
    'JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals',
  *check(file) {
    for (const stage of file.stages) {
      // Whoever names a shell wants it.
      let hasShell = beginsWithShell(file, stage);
      for (const instruction of stage.instructions) {
        if (instruction.kind === 'shell') hasShell = true;
        if (instruction.kind !== 'cmd' && instruction.kind !== 'entrypoint') continue;
        if (hasShell || instruction.command.form === 'exec') continue;
        yield {
          span: instruction.span,
          message: `JSON arguments recommended for ${instruction.keyword.raw} to prevent unintended behavior related to OS signals`,
        };
      }
    }
  },
};

function beginsWithShell(file: LintFile, stage: StageNode): boolean {
  const withShell = file.context.stagesWithShell;
  if (withShell?.has(stage.index) === true) return true;
  for (let base = file.baseStage(stage); base !== undefined; base = file.baseStage(base)) {
    if (withShell?.has(base.index) === true) return true;
    if (base.instructions.some(({ kind }) => kind === 'shell')) return true;
  }
  return false;
}
