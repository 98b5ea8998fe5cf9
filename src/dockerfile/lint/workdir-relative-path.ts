import type { StageNode } from '../ast.ts';
import type { LintFile } from './lint-file.ts';
import type { Rule } from './rule.ts';

/** The first WORKDIR of a stage begins where the base image left off, which may change. */
export const workdirRelativePath: Rule = {
  name: 'WorkdirRelativePath',
  description:
    'Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes',
  *check(file) {
    for (const stage of file.stages) {
      // Walking expands every variable of the stage.
      if (!hasWorkdir(stage) || hasWorkdirBelow(file, stage)) continue;
      for (const { instruction, expand } of file.walk(stage)) {
        if (instruction.kind !== 'workdir') continue;
        const { raw, span } = instruction.path;
        // A variable that only the base image sets may well hold an absolute path.
        const path = expand(instruction.path) ?? (/^["']?\$/.test(raw) ? '/' : raw);
        if (!path.startsWith('/')) {
          yield {
            span,
            message: `Relative workdir ${JSON.stringify(path)} can have unexpected results if the base image changes`,
          };
        }
        // Those after it stand on the first one.
        break;
      }
    }
  },
};

function hasWorkdirBelow(file: LintFile, stage: StageNode): boolean {
  for (let base = file.baseStage(stage); base !== undefined; base = file.baseStage(base)) {
    if (hasWorkdir(base)) return true;
  }
  return false;
}

function hasWorkdir({ instructions }: StageNode): boolean {
  return instructions.some(({ kind }) => kind === 'workdir');
}
