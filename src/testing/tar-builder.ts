import type { BytePath } from '../core/bytes.ts';
import type { TarEntry } from '../layer/tar-entry.ts';
import { encodeHeader, END_OF_ARCHIVE, padding } from '../layer/tar-header.ts';

/** An entry in few words: what is left out is empty, root's, and of 1970. */
export type EntrySketch = Partial<Omit<TarEntry, 'name' | 'linkName'>> & {
  readonly name: string;
  readonly linkName?: string;
  readonly content?: string;
};

/** A whole tar archive of these entries. Names are bytes, one char each. */
export function tarArchiveOf(...sketches: readonly EntrySketch[]): Buffer {
  return Buffer.concat([...sketches.map(entryOf), END_OF_ARCHIVE]);
}

/** Header and content of one entry. */
export function entryOf(sketch: EntrySketch): Buffer {
  const content = Buffer.from(sketch.content ?? '', 'latin1');
  const entry: TarEntry = {
    type: 'file',
    mode: sketch.type === 'directory' ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: [],
    ...sketch,
    size: sketch.size ?? content.length,
    name: sketch.name as BytePath,
    linkName: sketch.linkName as BytePath | undefined,
  };
  return Buffer.concat([encodeHeader(entry), content, padding(content.length)]);
}

export const directory = (name: string, mode = 0o755): EntrySketch => ({
  name,
  type: 'directory',
  mode,
});
export const file = (name: string, content = ''): EntrySketch => ({ name, content });
export const symlink = (name: string, linkName: string): EntrySketch => ({
  name,
  type: 'symlink',
  linkName,
});
export const hardlink = (name: string, linkName: string): EntrySketch => ({
  name,
  type: 'hardlink',
  linkName,
});
export const whiteout = (name: string): EntrySketch => {
  const slash = name.lastIndexOf('/') + 1;
  return { name: `${name.slice(0, slash)}.wh.${name.slice(slash)}`, mode: 0 };
};
