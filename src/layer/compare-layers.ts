import { closeSync, readSync } from 'node:fs';
import { createBreather, type Breather } from '../core/breathe.ts';
import { bytesToText, type BytePath } from '../core/bytes.ts';
import { timeText } from '../core/time-text.ts';
import type { FileDifference } from '../events/event.ts';
import { openContent } from '../tree/open-content.ts';
import { layerEntries } from './layer-entries.ts';
import type { LayerEntry } from './node-entry.ts';
import type { TarEntry } from './tar-entry.ts';

/** Bytes of two files that are compared at once. */
const CHUNK_BYTES = 256 * 1024;
/** Bytes of a file that are shown from where it differs. */
const SHOWN_BYTES = 24;

/** One name of two layers that is not the same in both. */
export interface LayerDifference {
  /** Without a slash at the start. */
  readonly path: BytePath;
  readonly difference: FileDifference;
  /** Where the content is on this host; undefined for what has none. */
  readonly first: BytePath | undefined;
}

/**
 * Compares what two directories in overlay upper form are as layers: names, types, content, modes,
 * owners, attributes, times. Gives one difference a name, the gravest, in the order of the first layer;
 * names that only the second has come last.
 * @throws BuildError CONTEXT_CHANGED when a file changes meanwhile
 */
export async function compareLayers(
  firstDir: string,
  secondDir: string,
  clampMtime: number | undefined,
  signal: AbortSignal,
): Promise<LayerDifference[]> {
  const breather = createBreather(signal);
  const second = new Map<BytePath, LayerEntry>();
  for (const each of layerEntries(secondDir, clampMtime)) {
    second.set(each.entry.name, each);
    if (breather.isDue()) await breather.breathe();
  }
  const found: LayerDifference[] = [];
  for (const one of layerEntries(firstDir, clampMtime)) {
    const path = one.entry.name;
    const other = second.get(path);
    second.delete(path);
    const difference =
      other === undefined ? onlyIn('first') : await compareEntries(one, other, breather);
    if (difference !== undefined) found.push({ path, difference, first: one.hostPath });
    if (breather.isDue()) await breather.breathe();
  }
  for (const path of second.keys()) {
    found.push({ path, difference: onlyIn('second'), first: undefined });
  }
  return found;
}

/** True when both files hold the same bytes. */
export async function isSameContent(
  first: BytePath,
  second: BytePath,
  signal: AbortSignal,
): Promise<boolean> {
  return (await firstDifferentByte(first, second, createBreather(signal))) === undefined;
}

function onlyIn(build: 'first' | 'second'): FileDifference {
  return build === 'first'
    ? { aspect: 'presence', first: 'there', second: 'missing' }
    : { aspect: 'presence', first: 'missing', second: 'there' };
}

async function compareEntries(
  one: LayerEntry,
  other: LayerEntry,
  breather: Breather,
): Promise<FileDifference | undefined> {
  const { entry: a } = one;
  const { entry: b } = other;
  if (a.type !== b.type) return { aspect: 'type', first: a.type, second: b.type };
  const content = await compareContent(one, other, breather);
  return content ?? FIELDS.map((field) => compareField(field, a, b)).find(isFound);
}

function isFound(difference: FileDifference | undefined): difference is FileDifference {
  return difference !== undefined;
}

/** A field of an entry as people read it. */
interface Field {
  readonly aspect: FileDifference['aspect'];
  readonly show: (entry: TarEntry) => string;
}

/** In the order of their weight. */
const FIELDS: readonly Field[] = [
  {
    aspect: 'target',
    show: ({ linkName }) => (linkName === undefined ? '' : bytesToText(linkName)),
  },
  { aspect: 'device', show: ({ devMajor, devMinor }) => `${devMajor}:${devMinor}` },
  { aspect: 'mode', show: ({ mode }) => mode.toString(8).padStart(4, '0') },
  { aspect: 'owner', show: ({ uid, gid }) => `${uid}:${gid}` },
  {
    aspect: 'xattr',
    show: ({ xattrs }) => xattrs.map(({ name, value }) => `${name}=${shownBytes(value)}`).join(' '),
  },
  { aspect: 'time', show: ({ mtime }) => timeText(mtime * 1000) },
];

function compareField(
  { aspect, show }: Field,
  a: TarEntry,
  b: TarEntry,
): FileDifference | undefined {
  const [first, second] = [show(a), show(b)];
  return first === second ? undefined : { aspect, first, second };
}

async function compareContent(
  { entry, hostPath: first }: LayerEntry,
  { hostPath: second }: LayerEntry,
  breather: Breather,
): Promise<FileDifference | undefined> {
  if (entry.type !== 'file' || (first === undefined && second === undefined)) return undefined;
  const at =
    first === undefined || second === undefined
      ? 0
      : await firstDifferentByte(first, second, breather);
  if (at === undefined) return undefined;
  const show = (path: BytePath | undefined): string =>
    path === undefined ? '' : shownBytes(readAt(path, at));
  return { aspect: 'content', offset: at, first: show(first), second: show(second) };
}

/** Where two files begin to differ, in bytes; undefined when they are the same. */
async function firstDifferentByte(
  firstPath: BytePath,
  secondPath: BytePath,
  breather: Breather,
): Promise<number | undefined> {
  const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)] as const;
  const first = openContent({ path: firstPath, hostPath: firstPath });
  try {
    const second = openContent({ path: secondPath, hostPath: secondPath });
    try {
      for (let offset = 0; ; offset += CHUNK_BYTES) {
        const one = readFully(first, buffers[0], offset);
        const other = readFully(second, buffers[1], offset);
        if (!one.equals(other)) return offset + firstDifference(one, other);
        if (one.length < CHUNK_BYTES) return undefined;
        if (breather.isDue()) await breather.breathe();
      }
    } finally {
      closeSync(second);
    }
  } finally {
    closeSync(first);
  }
}

function firstDifference(one: Buffer, other: Buffer): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return at;
  return length;
}

function readAt(path: BytePath, offset: number): Buffer {
  const fd = openContent({ path, hostPath: path });
  try {
    return readFully(fd, Buffer.alloc(SHOWN_BYTES), offset);
  } finally {
    closeSync(fd);
  }
}

/** As much of the file as there is, up to the size of the buffer. */
function readFully(fd: number, buffer: Buffer, position: number): Buffer {
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, position + length);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

/** Text where the bytes are plain text, else hexadecimal digits. */
function shownBytes(bytes: Buffer): string {
  const shown = bytes.subarray(0, SHOWN_BYTES);
  const text = shown.toString('latin1').replace(/\n$/, '');
  return /^[\x20-\x7e]*$/.test(text.replaceAll(/[\n\t]/g, ' '))
    ? text.replaceAll(/[\n\t]/g, ' ')
    : shown.toString('hex');
}
