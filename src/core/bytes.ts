declare const brand: unique symbol;

/**
 * A path (or a name, or a link target) whose every char is one byte, 0x00 to 0xff.
 *
 * Linux names are bytes, not text. A latin1 string keeps them exact, compares and sorts by byte,
 * and is as quick as any string. It must not be shown to people or given to `node:fs` as it is:
 * use `bytesToText` and `fsPath`.
 */
export type BytePath = string & { readonly [brand]: 'BytePath' };

/** Encodes ordinary text (argv, a Dockerfile) as UTF-8 bytes, one char each. */
export function textToBytes(text: string): BytePath {
  return (isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')) as BytePath;
}

/** Decodes for messages and JSON. Bytes that are not UTF-8 become U+FFFD, so this cannot be undone. */
export function bytesToText(bytes: BytePath): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** What `node:fs` takes for a byte path. ASCII stays a string, which is the quicker call. */
export function fsPath(bytes: BytePath): string | Buffer {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}

/** Reads raw bytes (a tar header, `readdir` with `encoding: 'latin1'`) as a byte path. */
export function bufferToBytes(buffer: Uint8Array): BytePath {
  return Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength).toString(
    'latin1',
  ) as BytePath;
}

/** Byte order, the only order that is the same on every machine. */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Asked of the system's own code: a loop here takes longer until V8 has compiled it. */
function isAscii(text: string): boolean {
  return Buffer.byteLength(text, 'utf8') === text.length;
}
