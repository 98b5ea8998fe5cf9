import type { KeyValue, StageInstruction } from '../ast.ts';
import type { Rule } from './rule.ts';

const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
/** Names like PUBLIC_KEY or PASSWORD_FILE say that the value itself is none. */
const HARMLESS = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/** Values of ARG and ENV can be read from the image by everybody who has it. */
export const secretsUsedInArgOrEnv: Rule = {
  name: 'SecretsUsedInArgOrEnv',
  description: 'Sensitive data should not be used in the ARG or ENV commands',
  *check({ stages }) {
    for (const instruction of stages.flatMap(({ instructions }) => instructions)) {
      for (const { key } of pairsOf(instruction)) {
        if (!SECRET.test(key.raw) || HARMLESS.test(key.raw)) continue;
        const name = instruction.kind.toUpperCase();
        yield {
          span: key.span,
          message: `Do not use ARG or ENV instructions for sensitive data (${name} ${JSON.stringify(key.raw)})`,
        };
      }
    }
  },
};

function pairsOf(instruction: StageInstruction): readonly KeyValue[] {
  if (instruction.kind === 'arg') return instruction.args;
  return instruction.kind === 'env' ? instruction.variables : [];
}
