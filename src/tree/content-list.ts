import { bytesToText, type BytePath } from '../core/bytes.ts';
import type { FileChange } from '../events/event.ts';

/**
 * Reads the text that `hashSelection` hashes, to tell which files differ between two hashes. What does
 * not have its form is an empty list: the text comes from a file of the cache and only explains.
 */
export type ContentList = ReadonlyMap<string, ListedFile>;

/** One file of a list: what counts for the hash, apart from its name. */
export interface ListedFile {
  readonly type: string;
  readonly mode: string;
  /** User and group, as numbers with a space between. */
  readonly owner: string;
  /** Size and digest, link target or device number. */
  readonly content: string;
}

/** Bytes of a digest in the text. */
const DIGEST_CHARS = 32;

/** Files by path. `source` is what the selection named: paths start there. */
export function parseContentList(text: string, source: string): ContentList {
  const files = new Map<string, ListedFile>();
  const reader = new Reader(text);
  let root = '';
  while (!reader.isAtEnd) {
    const type = reader.upTo(' ');
    if (type === 'root') {
      root = rootPath(reader, source);
      continue;
    }
    const isParent = reader.skip('parent ');
    const path = reader.sized();
    reader.skip(' ');
    const mode = reader.upTo(' ');
    const owner = `${reader.upTo(' ')} ${reader.upTo(' ')}`;
    const content = reader.content(type);
    if (!reader.skip('\n')) return new Map();
    if (!isParent) files.set(joined(root, path), { type, mode, owner, content });
  }
  return files;
}

/** The files that differ, in the order of their names. A directory that comes or goes with files is not told. */
export function compareContentLists(before: ContentList, after: ContentList): FileChange[] {
  const changes: FileChange[] = [];
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  for (const [index, path] of paths.entries()) {
    const what = difference(before.get(path), after.get(path));
    if (what === undefined) continue;
    const isDirectory = (after.get(path) ?? before.get(path))?.type === 'directory';
    const isTold = what !== 'added' && what !== 'removed';
    if (isDirectory && !isTold && paths[index + 1]?.startsWith(`${path}/`) === true) continue;
    changes.push({ path: bytesToText(path as BytePath), what });
  }
  return changes;
}

function difference(
  before: ListedFile | undefined,
  after: ListedFile | undefined,
): FileChange['what'] | undefined {
  if (before === undefined) return 'added';
  if (after === undefined) return 'removed';
  if (before.type !== after.type) return 'type';
  if (before.content !== after.content) return 'content';
  if (before.mode !== after.mode) return 'mode';
  return before.owner === after.owner ? undefined : 'owner';
}

/** A root is `contents` of what was named, or one name beside it. */
function rootPath(reader: Reader, source: string): string {
  const names = source.split('/').filter((name) => name !== '' && name !== '.');
  if (reader.skip('contents\n')) return names.join('/');
  const name = reader.sized();
  reader.skip('\n');
  return joined(names.slice(0, -1).join('/'), name);
}

function joined(directory: string, name: string): string {
  return [directory, name].filter((part) => part !== '').join('/');
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The text before `mark`, which is passed; all that is left when there is none. */
  upTo(mark: string): string {
    const end = this.#text.indexOf(mark, this.#at);
    return this.#take(end === -1 ? this.#text.length : end, mark.length);
  }

  skip(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  /** `5:hello` */
  sized(): string {
    const length = Number(this.upTo(':'));
    return this.#take(this.#at + (Number.isSafeInteger(length) ? length : 0), 0);
  }

  content(type: string): string {
    if (type === 'file') {
      const size = this.upTo(' ');
      return `${size} ${this.#take(this.#at + DIGEST_CHARS, 0)}`;
    }
    if (type === 'directory') return this.#take(this.#at + DIGEST_CHARS, 0);
    if (type === 'symlink') return this.sized();
    const end = this.#text.indexOf('\n', this.#at);
    return this.#take(end === -1 ? this.#text.length : end, 0);
  }

  #take(end: number, passed: number): string {
    const taken = this.#text.slice(this.#at, end);
    // Never stands still, so that damaged text comes to an end.
    this.#at = Math.max(this.#at + (passed === 0 ? 0 : 1), end + passed);
    return taken;
  }
}
