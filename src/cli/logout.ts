import { forgetCredentials } from '../registry/keep-credentials.ts';
import { defineCommand } from './command.ts';
import { registryName } from './login.ts';

/** `stagecraft logout`. */
export const logout = defineCommand({
  usage: '[REGISTRY]',
  summary: 'Forget the credentials of a registry',
  flags: {},
  words: { min: 0, max: 1, expected: 'at most one registry' },
  async run({ words: [word] }, context) {
    const registry = registryName(word);
    const wasKept = await forgetCredentials(registry, context, context.signal);
    const done = `Removing login credentials for ${registry}`;
    context.stdout.write(wasKept ? `${done}\n` : `Not logged in to ${registry}\n`);
    return 0;
  },
});
