import { createReadStream, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadImages } from '../build/load-image.ts';
import { hostPlatform } from '../core/platform.ts';
import { familiarName } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { badFlagValue } from './errors.ts';
import { switchFlag, textFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';
import { becomeRoot } from './rootless.ts';

const READ_CHUNK_BYTES = 1024 * 1024;

/** `stagecraft load`, `stagecraft image load`. */
export const load = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Read images from an archive',
  flags: {
    input: textFlag('FILE', 'Read a file instead of standard input', { short: 'i' }),
    platform: textFlag('PLATFORM', 'Take only the image for this platform'),
    quiet: switchFlag('No progress', { short: 'q', status: 'ignored' }),
    root: ROOT_FLAG,
  },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const platform =
      flags.platform === undefined ? undefined : readPlatform(flags.platform, context.arch);
    checkInput(flags.input, context);
    await becomeRoot(context, commandRoot(flags.root, context));
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const { signal } = context;
    const what = flags.input === undefined ? 'standard input' : `the archive "${flags.input}"`;
    const host = hostPlatform(context.arch);
    const options = { what, host, platform, now: () => context.now() };
    const images = await loadImages(openInput(flags.input, context), store, options, signal);
    for (const { id, references } of images) {
      if (references.length === 0) context.stdout.write(`Loaded image ID: ${id}\n`);
      for (const name of references) {
        context.stdout.write(`Loaded image: ${familiarName(parseReference(name))}\n`);
      }
    }
    return 0;
  },
});

function checkInput(input: string | undefined, context: CommandContext): void {
  if (input === undefined) {
    if (!context.isStdinTerminal) return;
    throw badFlagValue('--input', '-', 'standard input is a terminal, and no archive');
  }
  const stat = statSync(resolve(context.cwd, input), { throwIfNoEntry: false });
  if (stat === undefined) throw badFlagValue('--input', input, 'there is no such file');
  if (stat.isDirectory()) throw badFlagValue('--input', input, 'it is a directory');
}

async function* openInput(
  input: string | undefined,
  { cwd, stdin, signal }: CommandContext,
): AsyncGenerator<Uint8Array, void> {
  if (input === undefined) {
    for await (const chunk of stdin) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    return;
  }
  yield* createReadStream(resolve(cwd, input), { signal, highWaterMark: READ_CHUNK_BYTES });
}
