import type { FromInstruction } from './ast.ts';
import { checkFlags } from './check-flags.ts';
import { invalidStageName, wrongArguments } from './errors.ts';
import type { InstructionRequest } from './instruction-request.ts';
import { wordOf } from './logical-line.ts';
import { splitAtSeparators } from './white-space.ts';

const STAGE_NAME = /^[a-z][a-z0-9\-_.]*$/;

/** `FROM [--platform=P] image [AS name]`: exactly one or three words. */
export function readFrom(request: InstructionRequest): FromInstruction | undefined {
  const { line, base, report } = request;
  const flags = checkFlags(request, { platform: 'text' });
  const words = splitAtSeparators(line.text, request.rest).map((range) => wordOf(line, range));
  const [image, as, alias] = words;
  const hasName = words.length === 3 && as?.raw.toLowerCase() === 'as';
  if (image === undefined || (words.length !== 1 && !hasName)) {
    report(wrongArguments('FROM', 'FROM requires either one or three arguments', base.span));
    return undefined;
  }
  const name =
    hasName && alias !== undefined ? { text: alias.raw.toLowerCase(), word: alias } : undefined;
  if (name !== undefined && !STAGE_NAME.test(name.text)) {
    report(invalidStageName(name.word.raw, name.word.span));
  }
  const platform = flags.texts.get('platform');
  return {
    kind: 'from',
    ...base,
    image,
    platform: platform?.raw === '' ? undefined : platform,
    name,
  };
}
