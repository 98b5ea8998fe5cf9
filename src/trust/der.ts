/** One element of DER: its tag and what is in it. */
export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** The whole element, tag and length included. */
  readonly bytes: Buffer;
}

/**
 * The elements that stand side by side in `data`. Undefined when it is no DER: a length behind the end,
 * or one that is left open.
 */
export function readDer(data: Buffer): readonly DerElement[] | undefined {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < data.length) {
    const tag = data[at];
    const first = data[at + 1];
    if (tag === undefined || first === undefined) return undefined;
    let length = first;
    let start = at + 2;
    if (first >= 0x80) {
      const size = first & 0x7f;
      if (size === 0 || size > 4 || start + size > data.length) return undefined;
      length = data.readUIntBE(start, size);
      start += size;
    }
    const end = start + length;
    if (end > data.length) return undefined;
    elements.push({ tag, content: data.subarray(start, end), bytes: data.subarray(at, end) });
    at = end;
  }
  return elements;
}

/** Writes one element with the shortest length. */
export function writeDer(tag: number, ...content: readonly Buffer[]): Buffer {
  const joined = Buffer.concat(content);
  if (joined.length < 0x80) return Buffer.concat([Buffer.from([tag, joined.length]), joined]);
  const hex = joined.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, joined]);
}
