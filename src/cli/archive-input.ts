import { createReadStream, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CommandContext } from './command.ts';
import { badFlagValue } from './errors.ts';

const READ_CHUNK_BYTES = 1024 * 1024;

/**
 * Looks whether there can be an archive: `input` is a file, or undefined for standard input. `written` is
 * the flag or word that says so. @throws BuildError FLAG_VALUE_INVALID
 */
export function checkArchiveInput(
  written: string,
  input: string | undefined,
  context: Pick<CommandContext, 'cwd' | 'isStdinTerminal'>,
): void {
  if (input === undefined) {
    if (!context.isStdinTerminal) return;
    throw badFlagValue(written, '-', 'standard input is a terminal, and no archive');
  }
  const stat = statSync(resolve(context.cwd, input), { throwIfNoEntry: false });
  if (stat === undefined) throw badFlagValue(written, input, 'there is no such file');
  if (stat.isDirectory()) throw badFlagValue(written, input, 'it is a directory');
}

/** The bytes of the archive. */
export async function* readArchiveInput(
  input: string | undefined,
  { cwd, stdin, signal }: Pick<CommandContext, 'cwd' | 'stdin' | 'signal'>,
): AsyncGenerator<Uint8Array, void> {
  if (input === undefined) {
    for await (const chunk of stdin) yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    return;
  }
  yield* createReadStream(resolve(cwd, input), { signal, highWaterMark: READ_CHUNK_BYTES });
}
