import { textToBytes } from '../../core/bytes.ts';
import type { StageInstruction } from '../ast.ts';
import { cleanPath } from '../clean-path.ts';
import type { Rule } from './rule.ts';

/** What the ignore file leaves out is not there to be copied. */
export const copyIgnoredFile: Rule = {
  name: 'CopyIgnoredFile',
  description: 'Attempting to Copy file that is excluded by .dockerignore',
  *check(file) {
    const matcher = file.context.ignoreMatcher;
    // What an exception leaves of a directory cannot be said from the text.
    if (matcher === undefined || matcher.hasExceptions) return;
    for (const stage of file.stages) {
      for (const { instruction, expandAll } of file.walk(stage)) {
        if (!copiesFromContext(instruction)) continue;
        for (const word of instruction.sources) {
          for (const source of expandAll(word) ?? []) {
            if (isRemote(source)) continue;
            const cleaned = cleanPath(source);
            const path = cleaned.replace(/^\/+/, '');
            const isRoot = path === '' || path === '.';
            const isIgnored = isRoot
              ? matcher.ignoresAll
              : matcher.matches(textToBytes(path)).isIgnored;
            if (!isIgnored) continue;
            const verb = instruction.kind === 'add' ? 'Add' : 'Copy';
            yield {
              span: word.span,
              message: `Attempting to ${verb} file ${JSON.stringify(cleaned)} that is excluded by .dockerignore`,
            };
          }
        }
      }
    }
  },
};

type Transfer = Extract<StageInstruction, { readonly kind: 'add' | 'copy' }>;

function copiesFromContext(instruction: StageInstruction): instruction is Transfer {
  if (instruction.kind === 'add') return true;
  return instruction.kind === 'copy' && (instruction.from?.raw ?? '') === '';
}

/** URLs and git repositories of ADD. */
function isRemote(source: string): boolean {
  return /^(?:[a-z+]+:\/\/|git@[^/]+:|github\.com\/)/i.test(source);
}
