/** Takes the values of secrets out of what a step prints. */
export interface SecretMask {
  /** What to show of these bytes. What may be the beginning of a secret is held back until more comes. */
  push(stream: OutputStream, bytes: Uint8Array): Uint8Array;
  /** What was held back, when the step is over. */
  finish(stream: OutputStream): Uint8Array;
}

type OutputStream = 'stdout' | 'stderr';

/** Shorter values are also words and numbers that stand for something else. */
const MIN_SECRET_BYTES = 8;
const MASK = Buffer.from('***');

/**
 * Shows `***` where a step prints one of `secrets`: as it is, without the newline at its end, in base64 or
 * encoded for a URL. Whatever else a step makes of a secret is shown. Undefined where there is nothing to hide.
 */
export function createSecretMask(secrets: readonly Uint8Array[]): SecretMask | undefined {
  const needles = needlesOf(secrets);
  if (needles.length === 0) return undefined;
  const held = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  return {
    push(stream, bytes) {
      const masked = maskAll(Buffer.concat([held[stream], bytes]), needles);
      const end = beginningAtEnd(masked.rest, needles);
      // A copy: the bytes may be a view of a buffer that is used again.
      held[stream] = Buffer.from(masked.rest.subarray(end));
      return Buffer.concat([...masked.done, masked.rest.subarray(0, end)]);
    },
    finish(stream) {
      const rest = held[stream];
      held[stream] = Buffer.alloc(0);
      return rest;
    },
  };
}

/** Longest first, so that of two that begin alike the longer one is found. */
function needlesOf(secrets: readonly Uint8Array[]): Buffer[] {
  const forms = secrets.flatMap((secret) => {
    const whole = Buffer.from(secret);
    const text = whole.toString('utf8');
    const trimmed = Buffer.from(text.replace(/[\r\n]+$/, ''));
    const values = text.includes('\ufffd') ? [whole] : [whole, trimmed];
    return values
      .filter(({ length }) => length >= MIN_SECRET_BYTES)
      .flatMap((value) => [
        value.toString('latin1'),
        // The end depends on what follows the value.
        value.toString('base64').replace(/=+$/, ''),
        value.toString('base64url'),
        encodeURIComponent(value.toString('utf8')),
      ]);
  });
  return [...new Set(forms)]
    .map((form) => Buffer.from(form, 'latin1'))
    .sort((a, b) => b.length - a.length);
}

/** Masks whole secrets. `done` is to be shown before `rest`, in which there is none. */
function maskAll(
  bytes: Buffer,
  needles: readonly Buffer[],
): { readonly done: readonly Buffer[]; readonly rest: Buffer } {
  const done: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    let first: { readonly at: number; readonly length: number } | undefined;
    for (const needle of needles) {
      const at = rest.indexOf(needle);
      if (at !== -1 && (first === undefined || at < first.at))
        first = { at, length: needle.length };
    }
    if (first === undefined) return { done, rest };
    done.push(rest.subarray(0, first.at), MASK);
    rest = rest.subarray(first.at + first.length);
  }
}

/** Where the bytes at the end begin that may be the beginning of a secret; their length when there are none. */
function beginningAtEnd(bytes: Buffer, needles: readonly Buffer[]): number {
  let end = bytes.length;
  for (const needle of needles) {
    const [firstByte = 0] = needle;
    let at = bytes.indexOf(firstByte, Math.max(0, bytes.length - needle.length + 1));
    while (at !== -1 && at < end) {
      const tail = bytes.subarray(at);
      if (needle.subarray(0, tail.length).equals(tail)) end = at;
      at = bytes.indexOf(firstByte, at + 1);
    }
  }
  return end;
}
