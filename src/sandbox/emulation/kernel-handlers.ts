import { readdirSync } from 'node:fs';
import path from 'node:path';
import { readFileCapped } from '../../host/atomic-file.ts';
import { COMPARED_BYTES, headerMask, headerOf, type ProgramFormat } from './program-format.ts';

/** Where the kernel shows what it hands to interpreters (Documentation/admin-guide/binfmt-misc.rst). */
export const HANDLER_DIRECTORY = '/proc/sys/fs/binfmt_misc';

/** One handler for programs that the kernel cannot run itself. */
export interface KernelHandler {
  readonly name: string;
  readonly isEnabled: boolean;
  /** Path on the host. */
  readonly interpreter: string;
  /** `F`: the interpreter was opened when it was registered, so steps need not have it. */
  readonly isOpen: boolean;
  readonly offset: number;
  readonly magic: Buffer;
  readonly mask: Buffer;
}

const MAX_HANDLER_BYTES = 8192;
const NO_HANDLERS = ['register', 'status'];

/** The handlers that compare the beginnings of programs. None where the kernel does not tell. */
export function readHandlers(directory: string): readonly KernelHandler[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return [];
  }
  return names
    .filter((name) => !NO_HANDLERS.includes(name))
    .flatMap((name) => {
      try {
        const bytes = readFileCapped(path.join(directory, name), MAX_HANDLER_BYTES);
        return bytes === undefined ? [] : (parseHandler(name, bytes.toString('latin1')) ?? []);
      } catch {
        // Gone since, or not for this user.
        return [];
      }
    });
}

/** Undefined for handlers that go by the extension of a name. */
export function parseHandler(name: string, text: string): KernelHandler | undefined {
  const lines = text.split('\n');
  const valueOf = (key: string): string | undefined =>
    lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  const interpreter = valueOf('interpreter');
  const magic = Buffer.from(valueOf('magic') ?? '', 'hex');
  if (interpreter === undefined || magic.length === 0) return undefined;
  const mask = valueOf('mask');
  return {
    name,
    isEnabled: lines[0] === 'enabled',
    interpreter,
    isOpen: lines.some((line) => line.startsWith('flags:') && line.includes('F')),
    offset: Number(valueOf('offset') ?? 0),
    magic,
    mask: mask === undefined ? Buffer.alloc(magic.length, 0xff) : Buffer.from(mask, 'hex'),
  };
}

/** The handler that the kernel takes for programs of a format, and that works in any root directory. */
export function handlerFor(
  handlers: readonly KernelHandler[],
  format: ProgramFormat,
): KernelHandler | undefined {
  const header = headerOf(format);
  return handlers.find(({ isEnabled, isOpen, offset, magic, mask }) => {
    if (!isEnabled || !isOpen || offset + magic.length > COMPARED_BYTES) return false;
    return magic.every(
      (byte, index) => (((header[offset + index] ?? 0) ^ byte) & (mask[index] ?? 0xff)) === 0,
    );
  });
}

/**
 * What to write to `register` so that programs of a format go to `interpreter`, which is opened at once.
 * The credentials are those of the program (`C`), so that su and sudo work, and it gets the name that it
 * was called by (`P`), as one program with many names needs.
 */
export function registration(name: string, format: ProgramFormat, interpreter: string): string {
  const magic = escaped(headerOf(format));
  const mask = escaped(headerMask(format));
  return `:${name}:M::${magic}:${mask}:${interpreter}:POCF`;
}

function escaped(bytes: Buffer): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
