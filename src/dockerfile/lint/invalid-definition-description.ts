import type { Comment } from '../ast.ts';
import type { Span } from '../../diagnostics/source.ts';
import { inlineCheckText } from './check-options.ts';
import { allInstructions } from './lint-file.ts';
import type { Finding, Rule } from './rule.ts';

/** `--call=outline` and `--call=targets` take descriptions from comments that begin with the name. */
export const invalidDefinitionDescription: Rule = {
  name: 'InvalidDefinitionDescription',
  description:
    'Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.',
  isExperimental: true,
  *check({ ast }) {
    for (const instruction of allInstructions(ast)) {
      const { comments, span } = instruction;
      if (instruction.kind === 'arg') {
        yield* checkComment('ARG', { names: keys(instruction.args), comments, span });
      } else if (instruction.kind === 'from' && instruction.name !== undefined) {
        yield* checkComment('FROM', { names: [instruction.name.text], comments, span });
      }
    }
  },
};

function keys(args: readonly { readonly key: { readonly raw: string } }[]): string[] {
  return args.map(({ key }) => key.raw);
}

function* checkComment(
  instruction: 'ARG' | 'FROM',
  found: {
    readonly names: readonly string[];
    readonly comments: readonly Comment[];
    readonly span: Span;
  },
): Iterable<Finding> {
  const { names, comments, span } = found;
  const last = comments.at(-1);
  if (last === undefined || isCutOff(last, span) || inlineCheckText(last) !== undefined) return;
  const [first = ''] = last.text.split(' ', 1);
  if (names.includes(first)) return;
  const example = names.length > 1 ? '<arg_key>' : (names[0] ?? '');
  yield {
    span: last.span,
    message: `Comment for ${instruction} should follow the format: \`# ${example} <description>\``,
  };
}

/** An empty line stands between the two. */
function isCutOff(comment: Comment, { file, start }: Span): boolean {
  return /\n[ \t\r]*\n/.test(file.text.slice(comment.span.end, start));
}
