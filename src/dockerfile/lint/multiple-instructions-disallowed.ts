import type { StageInstruction } from '../ast.ts';
import type { Rule } from './rule.ts';

const ONLY_LAST: ReadonlySet<StageInstruction['kind']> = new Set([
  'cmd',
  'entrypoint',
  'healthcheck',
]);

/** Of several CMD, ENTRYPOINT or HEALTHCHECK of a stage the last one counts; the others are reported. */
export const multipleInstructionsDisallowed: Rule = {
  name: 'MultipleInstructionsDisallowed',
  description: 'Multiple instructions of the same type should not be used in the same stage',
  *check({ stages }) {
    for (const { instructions } of stages) {
      const former = new Map<string, StageInstruction>();
      for (const instruction of instructions) {
        if (!ONLY_LAST.has(instruction.kind)) continue;
        const unused = former.get(instruction.kind);
        if (unused !== undefined) {
          yield {
            span: unused.span,
            message: `Multiple ${instruction.keyword.raw} instructions should not be used in the same stage because only the last one will be used`,
          };
        }
        former.set(instruction.kind, instruction);
      }
    }
  },
};
