import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { checkLogin } from '../registry/check-login.ts';
import { keepCredentials } from '../registry/keep-credentials.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { badStdin, flagConflict } from './errors.ts';
import { switchFlag, textFlag } from './flag-table.ts';

const MAX_PASSWORD_BYTES = 64 * 1024;

/** `stagecraft login`. The password is checked, then kept, and never printed. */
export const login = defineCommand({
  usage: '[OPTIONS] [REGISTRY]',
  summary: 'Log in to a registry',
  flags: {
    password: textFlag('PASSWORD', 'Others on this machine can see it: use --password-stdin', {
      short: 'p',
    }),
    'password-stdin': switchFlag('Read the password from standard input'),
    username: textFlag('NAME', 'Name of the account', { short: 'u' }),
  },
  words: { min: 0, max: 1, expected: 'at most one registry' },
  async run({ flags, words: [word] }, context) {
    const registry = registryName(word);
    const fromStdin = flags['password-stdin'] === true;
    if (fromStdin && flags.password !== undefined) {
      throw flagConflict('Cannot use "--password" with "--password-stdin": each gives a password');
    }
    if (fromStdin && flags.username === undefined) {
      throw flagConflict(
        'Cannot use "--password-stdin" without "--username": input is the password',
      );
    }
    if (flags.password !== undefined) {
      context.stderr.write(
        'warning: "--password" shows the password to others on this machine; use --password-stdin\n',
      );
    }
    const { registries } = readConfigFile(context);
    const username = flags.username ?? (await ask('Username: ', true, context)).trim();
    const password =
      flags.password ??
      (fromStdin ? await readPassword(context) : await ask('Password: ', false, context));
    if (username === '' || password === '') throw badStdin('the name or the password is empty');
    if (username.includes(':')) throw badStdin('the name has a colon, which no account may');
    const { env, homeDir, signal } = context;
    const secret = { username, password };
    await checkLogin(registry, secret, { registries, env, homeDir }, signal);
    const place = await keepCredentials(registry, secret, { env, homeDir }, signal);
    context.stderr.write(`The password is kept by ${place}\n`);
    context.stdout.write('Login Succeeded\n');
    return 0;
  },
});

/** The host that credentials are kept under; people write URLs as well. */
export function registryName(word = 'docker.io'): string {
  const host = word.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  const isHub = ['', 'index.docker.io', 'registry-1.docker.io'].includes(host);
  return isHub ? 'docker.io' : host.toLowerCase();
}

async function readPassword({ stdin }: CommandContext): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    if (length > MAX_PASSWORD_BYTES) throw badStdin('it is too long for a password');
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

/** Asks on the terminal. What is typed is shown only when `isShown`. */
async function ask(question: string, isShown: boolean, context: CommandContext): Promise<string> {
  const { stdin, stderr, signal } = context;
  if (!context.isStdinTerminal) {
    throw badStdin('it is no terminal to ask on', 'Use --username and --password-stdin.');
  }
  stderr.write(question);
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (isShown) stderr.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input: stdin, output, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('SIGINT', () => reject(badStdin('nothing was typed')));
      lines.once('close', () => reject(badStdin('nothing was typed')));
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  } finally {
    lines.close();
    stderr.write(isShown ? '' : '\n');
  }
}
