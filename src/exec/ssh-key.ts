import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { sshKeyUnusable } from './errors.ts';

/** Larger than any private key. */
const MAX_KEY_BYTES = 64 * 1024;

/**
 * The bytes of a private key file for `--ssh id=FILE`, in any form that ssh-add takes, ending in a line
 * break.
 * @throws BuildError SSH_KEY_UNUSABLE, also for a key with a passphrase: nobody is asked for one
 */
export function readSshKey(path: string): Buffer {
  const bytes = readKeyFile(path);
  const text = bytes.toString('latin1');
  const kind = /-----BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY)-----/.exec(text)?.[1];
  if (kind === undefined) throw sshKeyUnusable(path, 'it is not a private key');
  const isEncrypted =
    kind === 'ENCRYPTED PRIVATE KEY' ||
    /^Proc-Type: 4,ENCRYPTED/m.test(text) ||
    (kind === 'OPENSSH PRIVATE KEY' && opensshCipher(text) !== 'none');
  if (isEncrypted) throw sshKeyUnusable(path, 'it is protected by a passphrase');
  return text.endsWith('\n') ? bytes : Buffer.concat([bytes, Buffer.from('\n')]);
}

const MAGIC = 'openssh-key-v1\0';

/** Name of the cipher that a key in OpenSSH's own form is encrypted with (PROTOCOL.key). */
function opensshCipher(text: string): string | undefined {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END/.exec(text)?.[1];
  const data = Buffer.from(body ?? '', 'base64');
  const at = MAGIC.length;
  if (data.toString('latin1', 0, at) !== MAGIC || data.length < at + 4) return undefined;
  const length = data.readUInt32BE(at);
  return data.toString('latin1', at + 4, at + 4 + Math.min(length, MAX_KEY_BYTES));
}

function readKeyFile(path: string): Buffer {
  let fd: number;
  try {
    // A fifo would block.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw sshKeyUnusable(path, codeOf(error));
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw sshKeyUnusable(path, 'it is not a file');
    if (stats.size > MAX_KEY_BYTES) throw sshKeyUnusable(path, 'it is too large for a key');
    const bytes = Buffer.alloc(stats.size);
    return bytes.subarray(0, readSync(fd, bytes, 0, stats.size, 0));
  } finally {
    closeSync(fd);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
