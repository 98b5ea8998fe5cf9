import { bytesToText, compareBytes, type BytePath } from '../core/bytes.ts';
import type { FileChange } from '../events/event.ts';

/*
 * Reads the text that `hashSelection` hashes, to tell which files differ between two hashes. What does
 * not have its form is an empty list: the text comes from a file of the cache and only explains.
 */

/** Files by path. */
type ContentList = ReadonlyMap<string, ListedFile>;

/** One file of a list: what counts for the hash, apart from its name. */
interface ListedFile {
  readonly type: string;
  readonly mode: string;
  /** User and group, as numbers with a space between. */
  readonly owner: string;
  /** Size and digest, link target or device number. */
  readonly content: string;
}

/** Bytes of a digest in the text. */
const DIGEST_CHARS = 32;

/**
 * The files that differ between two lists, in the order of their names. A directory that comes or goes with
 * files is not told. `source` is what the selection named: paths start there. What both lists have in the
 * same way, which is most of two states of a large context, is passed over.
 */
export function compareContentLists(before: string, after: string, source: string): FileChange[] {
  const [a, b] = [new ListReader(before, source), new ListReader(after, source)];
  while (!a.isAtEnd && !b.isAtEnd) {
    if (a.record === b.record && a.root === b.root) {
      a.next();
      b.next();
      continue;
    }
    const order = compareWalk(a, b);
    if (order <= 0) a.keep();
    if (order >= 0) b.keep();
  }
  while (!a.isAtEnd) a.keep();
  while (!b.isAtEnd) b.keep();
  return compareFiles(a.files(), b.files());
}

/** Which of two records comes first, as far as the walk has an order; 0 for both. */
function compareWalk(a: ListReader, b: ListReader): number {
  if (a.root !== b.root || a.path === b.path) return 0;
  // A directory comes before what is in it, and that before the names that follow.
  return compareBytes(a.path.replaceAll('/', '\0'), b.path.replaceAll('/', '\0'));
}

/** Reads a list record by record. */
class ListReader {
  readonly #reader: Reader;
  readonly #text: string;
  readonly #source: string;
  readonly #kept = new Map<string, ListedFile>();
  #isDamaged = false;
  #file: ListedFile | undefined;
  /** The root that the record is below, and its path there. */
  root = '';
  path = '';
  /** The text of the record; empty at the end. */
  record = '';

  constructor(text: string, source: string) {
    this.#text = text;
    this.#source = source;
    this.#reader = new Reader(text);
    this.next();
  }

  get isAtEnd(): boolean {
    return this.record === '';
  }

  next(): void {
    const reader = this.#reader;
    this.record = '';
    while (!reader.isAtEnd && !this.#isDamaged) {
      const start = reader.at;
      const type = reader.upTo(' ');
      if (type === 'root') {
        this.root = rootPath(reader, this.#source);
        continue;
      }
      const isParent = reader.skip('parent ');
      this.path = reader.sized();
      reader.skip(' ');
      const mode = reader.upTo(' ');
      const owner = `${reader.upTo(' ')} ${reader.upTo(' ')}`;
      const content = reader.content(type);
      if (!reader.skip('\n')) {
        this.#isDamaged = true;
        return;
      }
      this.#file = isParent ? undefined : { type, mode, owner, content };
      this.record = this.#text.slice(start, reader.at);
      return;
    }
  }

  /** Keeps the file of this record, and goes on. */
  keep(): void {
    if (this.#file !== undefined) this.#kept.set(joined(this.root, this.path), this.#file);
    this.next();
  }

  files(): ContentList {
    return this.#isDamaged ? new Map() : this.#kept;
  }
}

function compareFiles(before: ContentList, after: ContentList): FileChange[] {
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

  get at(): number {
    return this.#at;
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
