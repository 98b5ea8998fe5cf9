import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { hexOf } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { SelectionState } from './selection-state.ts';
import type { SettledFiles } from './settled-files.ts';

/**
 * Content hashes of selections that were hashed before, by the state that their files were in: where a large
 * context has not changed, its hash is known when its files have been listed.
 */
export interface SelectionMemo {
  /** The content hash, 64 hex digits; undefined when the files are not known in this state. */
  get(state: SelectionState): string | undefined;
  /** Remembers the hash of files that were in `state` from before they were read until afterwards. */
  put(state: SelectionState, hash: string): void;
  /** Writes what is new. */
  save(): void;
}

export interface SelectionMemoOptions {
  /** Where they are kept, a file for each context. Its directory is made when it is not there. */
  readonly file: string;
  /** As they were before any of them was looked at. */
  readonly settled: Pick<SettledFiles, 'has'>;
}

/** Fewer files are looked up one by one in less time than this takes to be written. */
const MIN_FILES = 1000;
/** States of one context that are remembered, the latest ones. */
const MAX_STATES = 64;

const MAGIC = 'stagecraft selections 1';
const LINE = /^[0-9a-f]{64} [0-9a-f]{64}$/;
const MAX_BYTES = 1 << 16;

/** Opens the hashes of one context. Nothing is read before the first `get` that is worth it. */
export function openSelectionMemo(options: SelectionMemoOptions): SelectionMemo {
  const { file } = options;
  let known: Map<string, string> | undefined;
  let isDirty = false;
  const stored = (): Map<string, string> => (known ??= readMemo(file));
  return {
    get: ({ digest, files }) => (files < MIN_FILES ? undefined : stored().get(digest)),
    put({ digest, files, newestNs, devices }, hash) {
      if (files < MIN_FILES) return;
      if (![...devices].every((dev) => options.settled.has(newestNs, dev))) return;
      stored().delete(digest);
      stored().set(digest, hash);
      isDirty = true;
    },
    save() {
      if (!isDirty) return;
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      replaceFile(file, encode([...stored()].slice(-MAX_STATES)));
      isDirty = false;
    },
  };
}

function encode(entries: readonly (readonly [string, string])[]): string {
  const body = entries.map(([digest, hash]) => `${digest} ${hash}\n`).join('');
  return `${MAGIC}\n${hexOf(digestOf(body))}\n${body}`;
}

/** A file that is missing, damaged or of another version is an empty one: all is looked at again. */
function readMemo(file: string): Map<string, string> {
  const text = readFileCapped(file, MAX_BYTES)?.toString('latin1') ?? '';
  const [magic, checksum, ...lines] = text.split('\n');
  const body = text.slice(MAGIC.length + 1 + 64 + 1);
  if (magic !== MAGIC || checksum !== hexOf(digestOf(body))) return new Map();
  return new Map(
    lines
      .filter((line) => LINE.test(line))
      .map((line) => [line.slice(0, 64), line.slice(65)] as const),
  );
}
