import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { checkLogin } from '../registry/check-login.ts';
import { credentialsUnusable } from '../registry/errors.ts';
import { keepCredentials } from '../registry/keep-credentials.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { flagConflict } from './errors.ts';
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
    const { registries, caCerts } = readConfigFile(context);
    const given = fromStdin ? await readPassword(context) : flags.password;
    const { username, password } = await askMissing(flags.username, given, context);
    if (username === '' || password === '') throw unusable('the name or the password is empty');
    if (username.includes(':')) throw unusable('the name has a colon, which no account may');
    const { env, homeDir, signal } = context;
    const secret = { username, password };
    await checkLogin(registry, secret, { registries, env, homeDir, caCerts }, signal);
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
    if (length > MAX_PASSWORD_BYTES) throw unusable('it is too long for a password');
  }
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

/** Asks on the terminal for what was not given. What is typed as the password is not shown. */
async function askMissing(
  username: string | undefined,
  password: string | undefined,
  context: CommandContext,
): Promise<{ readonly username: string; readonly password: string }> {
  if (username !== undefined && password !== undefined) return { username, password };
  const { stdin, stderr, signal } = context;
  if (!context.isStdinTerminal) {
    throw unusable('it is no terminal to ask on', 'Use --username and --password-stdin.');
  }
  let isShown = true;
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (isShown) stderr.write(chunk);
      done();
    },
  });
  // One reader for both: a second one would lose what was typed ahead.
  const reader = createInterface({ input: stdin, output, terminal: true, historySize: 0 });
  const onAbort = (): void => reader.close();
  signal.addEventListener('abort', onAbort, { once: true });
  reader.once('SIGINT', onAbort);
  const lines = reader[Symbol.asyncIterator]();
  const ask = async (question: string): Promise<string> => {
    stderr.write(question);
    const line = await lines.next();
    signal.throwIfAborted();
    if (line.done === true) throw unusable('nothing was typed');
    return line.value;
  };
  try {
    const name = username ?? (await ask('Username: ')).trim();
    isShown = false;
    const secret = password ?? (await ask('Password: '));
    return { username: name, password: secret };
  } finally {
    signal.removeEventListener('abort', onAbort);
    reader.close();
    stderr.write('\n');
  }
}

function unusable(found: string, hint?: string): Error {
  return credentialsUnusable('standard input', found, hint);
}
