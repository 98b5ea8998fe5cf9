import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isCacheKey, type CacheKey } from './cache-key.ts';
import type { CacheRecord, CacheStore } from './cache-store.ts';

/** What this store needs of host/: given in, so that tests can fail them on purpose. */
export interface CacheStoreHost {
  /** Temporary name, write, rename. */
  writeFileAtomic(path: string, content: string | Iterable<Uint8Array>): void;
  acquireLock(path: string, signal: AbortSignal): Promise<AsyncDisposable>;
}

/** A record, and when it was last written or found, milliseconds since 1970, give or take a day. */
export interface ListedRecord {
  readonly record: CacheRecord;
  readonly lastUsed: number;
}

/** A `CacheStore` in a directory, and what garbage collection needs of it. */
export interface DiskCacheStore extends CacheStore {
  /** The text that a hash of files was made of; undefined when it is not kept any more. */
  fileList(hash: string): string | undefined;
  /** Whether it is kept. */
  hasFileList(hash: string): boolean;
  /** Keeps that text, given in pieces, as long as a recent record of a step has `hash` as a part. */
  putFileList(hash: string, pieces: readonly string[]): void;
  /** Where the record of a result is, or would be. */
  recordPath(key: CacheKey): string;
  /** Every record that has our form, in no particular order. */
  list(): Iterable<ListedRecord>;
  /** Removes a record, and what remembers it as its step's last. Nothing happens when there is none. */
  remove(record: Pick<CacheRecord, 'key' | 'slot'>): void;
}

/** A record's time of last use is written at most this often, in milliseconds. */
const TOUCH_INTERVAL_MS = 24 * 60 * 60 * 1000;

/** A step's latest records are remembered, so that going back and forth between two states is explained. */
const RECENT_PER_SLOT = 6;

/** About a million files; a longer list would take more room than its explanation is worth. */
const MAX_LIST_BYTES = 128 * 1024 * 1024;

/** A record is some hundred bytes to some kilobytes; more is not ours. */
const MAX_RECORD_BYTES = 4 * 1024 * 1024;

/**
 * `dir`/xx/<key>.json for results, `dir`/slots/<hash> holding the keys that a step had last, and
 * `dir`/files/<hash> with what the files were that a step read.
 * Records are not synced one by one: one that is lost or torn by a power failure is a miss.
 */
export function openDiskCacheStore(
  dir: string,
  lockDir: string,
  host: CacheStoreHost,
): DiskCacheStore {
  const pathOf = (key: string): string => join(dir, key.slice(0, 2), `${key}.json`);
  const slotPath = (slot: string): string =>
    join(dir, 'slots', createHash('sha256').update(slot).digest('hex'));
  const listPath = (hash: string): string => join(dir, 'files', hash);
  const keysOf = (slot: string): CacheKey[] =>
    (readText(slotPath(slot)) ?? '').split('\n').filter(isCacheKey);

  const get = (key: CacheKey): CacheRecord | undefined => {
    const text = readText(pathOf(key));
    return text === undefined ? undefined : parseRecord(text, key);
  };
  const write = (path: string, content: string | Iterable<Uint8Array>): void => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    host.writeFileAtomic(path, content);
  };
  const recent = (slot: string): CacheRecord[] => keysOf(slot).flatMap((key) => get(key) ?? []);
  /** Puts `key` in front. What falls out at the end takes its lists of files along. */
  const remember = (slot: string, key: CacheKey): void => {
    const known = keysOf(slot);
    const keys = [key, ...known.filter((other) => other !== key)];
    if (known[0] === key) return;
    write(slotPath(slot), keys.slice(0, RECENT_PER_SLOT).join('\n'));
    const dropped = keys.slice(RECENT_PER_SLOT).flatMap((old) => listsOf(get(old)));
    if (dropped.length === 0) return;
    const kept = new Set(recent(slot).flatMap(listsOf));
    for (const hash of dropped) if (!kept.has(hash)) rmSync(listPath(hash), { force: true });
  };

  return {
    get(key) {
      const record = get(key);
      if (record !== undefined) touch(pathOf(key));
      return record;
    },
    recordPath: pathOf,
    *list() {
      for (const key of listKeys(dir)) {
        const record = get(key);
        const stat = statSync(pathOf(key), { throwIfNoEntry: false });
        if (record !== undefined && stat !== undefined) yield { record, lastUsed: stat.mtimeMs };
      }
    },
    remove({ key, slot }) {
      for (const hash of listsOf(get(key))) rmSync(listPath(hash), { force: true });
      rmSync(pathOf(key), { force: true });
      const keys = keysOf(slot);
      const left = keys.filter((other) => other !== key);
      if (left.length === keys.length) return;
      if (left.length === 0) rmSync(slotPath(slot), { force: true });
      else write(slotPath(slot), left.join('\n'));
    },
    put(record) {
      write(pathOf(record.key), JSON.stringify(record));
      remember(record.slot, record.key);
    },
    recent,
    fileList: (hash) =>
      isCacheKey(hash) ? readText(listPath(hash), 'latin1', MAX_LIST_BYTES) : undefined,
    hasFileList: (hash) => isCacheKey(hash) && existsSync(listPath(hash)),
    putFileList(hash, pieces) {
      const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
      if (bytes > MAX_LIST_BYTES || existsSync(listPath(hash))) return;
      write(listPath(hash), latin1Pieces(pieces));
    },
    lock: (key, signal) => host.acquireLock(join(lockDir, `key-${key}`), signal),
  };
}

/** One after the other, as all of them may be much memory. */
function* latin1Pieces(pieces: readonly string[]): Generator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece, 'latin1');
}

/** The file's time of change is when the record was last of use. */
function touch(path: string): void {
  try {
    const now = new Date();
    if (now.getTime() - statSync(path).mtimeMs > TOUCH_INTERVAL_MS) utimesSync(path, now, now);
  } catch {
    // On a disk that takes no more the record is as good as before, and only looks older.
  }
}

function listKeys(dir: string): CacheKey[] {
  return readdirSync(dir)
    .filter((name) => /^[0-9a-f]{2}$/.test(name))
    .flatMap((name) => readdirSync(join(dir, name)))
    .map((name) => name.replace(/\.json$/, ''))
    .filter(isCacheKey);
}

/** Hashes of the files that a result was made from. */
function listsOf(record: CacheRecord | undefined): string[] {
  return Object.entries(record?.parts ?? {}).flatMap(([part, value]) =>
    part.endsWith(' files') && isCacheKey(value) ? [value] : [],
  );
}

function readText(
  path: string,
  encoding: 'utf8' | 'latin1' = 'utf8',
  maxBytes = MAX_RECORD_BYTES,
): string | undefined {
  try {
    const text = readFileSync(path, encoding);
    return text.length > maxBytes ? undefined : text;
  } catch {
    return undefined;
  }
}

/** A record that does not have our form is a miss, never an error: the step just runs again. */
function parseRecord(text: string, key: CacheKey): CacheRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const record = value as Partial<Record<keyof CacheRecord, unknown>>;
  const { resultKey, contentKey, snapshot, parts } = record;
  const isOurs =
    record.key === key &&
    typeof resultKey === 'string' &&
    isCacheKey(resultKey) &&
    (contentKey === undefined || (typeof contentKey === 'string' && isCacheKey(contentKey))) &&
    record.isRemote === undefined &&
    (snapshot === undefined || (typeof snapshot === 'string' && /^[a-z0-9]+$/.test(snapshot))) &&
    typeof parts === 'object' &&
    parts !== null &&
    Object.values(parts).every((part) => typeof part === 'string') &&
    typeof record.slot === 'string' &&
    (record.name === undefined || typeof record.name === 'string') &&
    (record.build === undefined || typeof record.build === 'string') &&
    typeof record.createdAt === 'string' &&
    typeof record.durationMs === 'number' &&
    typeof record.bytes === 'number';
  return isOurs ? (value as CacheRecord) : undefined;
}
