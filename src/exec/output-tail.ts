/** Keeps the last part of what a step prints, for the error that quotes it. */
export interface OutputTail {
  add(bytes: Uint8Array): void;
  /** At most the last 64 KiB, decoded. */
  text(): string;
}

const MAX_TAIL_BYTES = 64 * 1024;

export function createOutputTail(): OutputTail {
  let chunks: Uint8Array[] = [];
  let length = 0;
  return {
    add(bytes) {
      // Chunks may be views of a buffer that is used again.
      chunks.push(Uint8Array.from(bytes));
      length += bytes.byteLength;
      if (length > 2 * MAX_TAIL_BYTES) {
        const kept = Buffer.concat(chunks).subarray(-MAX_TAIL_BYTES);
        chunks = [kept];
        length = kept.byteLength;
      }
    },
    text: () => Buffer.concat(chunks).subarray(-MAX_TAIL_BYTES).toString('utf8'),
  };
}
