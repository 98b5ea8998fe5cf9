import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { readFileCapped, writeFileAtomic } from '../host/atomic-file.ts';
import { hasCode } from '../host/sys.ts';
import { nearest } from '../core/suggest.ts';
import { containerNotFound } from './errors.ts';
import type { PublishedPort } from './port-option.ts';

/** What is kept of a container at `<root>/containers/<id>/record.json`. */
export interface ContainerRecord {
  /** 64 hex digits; people see the first 12. */
  readonly id: string;
  readonly name: string;
  /** As the user named it. */
  readonly image: string;
  /** Records of older versions have none. */
  readonly imageId?: string | undefined;
  readonly command: readonly string[];
  /** RFC 3339. */
  readonly createdAt: string;
  readonly ports: readonly PublishedPort[];
  /** Snapshot of the files as it left them; undefined before its first end, and with `--rm`. */
  readonly files?: string | undefined;
  readonly state: ContainerState;
}

export type ContainerState =
  | { readonly kind: 'created' }
  | {
      readonly kind: 'running';
      /** The process that looks after it: with it ends the container. */
      readonly pid: number;
      /** Start of that process in clock ticks since boot, and the boot: pids are used again. */
      readonly pidStart: string;
      readonly startedAt: string;
    }
  | { readonly kind: 'exited'; readonly status: number; readonly finishedAt: string }
  /** It never ran. */
  | { readonly kind: 'failed'; readonly message: string; readonly finishedAt: string };

/** How `ps` shows a container: a running one whose supervisor was killed is dead. */
export type ObservedState = ContainerState | { readonly kind: 'dead' };

/** Directory of all containers below the store's root. */
export function containersDir(root: string): string {
  return path.join(root, 'containers');
}

/** Directory of one container. `id` must come from a record. */
export function containerDir(root: string, id: string): string {
  return path.join(containersDir(root), id);
}

/** Writes the record, making the directory when it is new. */
export function writeRecord(root: string, record: ContainerRecord): void {
  const dir = containerDir(root, record.id);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileAtomic(path.join(dir, RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Undefined when there is none. A damaged record counts as none: only `rm` by id takes it away. */
export function readRecord(root: string, id: string): ContainerRecord | undefined {
  const bytes = readFileCapped(path.join(containerDir(root, id), RECORD), MAX_RECORD_BYTES);
  if (bytes === undefined) return undefined;
  try {
    const record: unknown = JSON.parse(bytes.toString('utf8'));
    return isRecord(record) && record.id === id ? record : undefined;
  } catch {
    return undefined;
  }
}

/** All containers, newest first. */
export function listRecords(root: string): ContainerRecord[] {
  const records = readIds(root).flatMap((id) => readRecord(root, id) ?? []);
  return records.sort((a, b) =>
    a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0,
  );
}

/**
 * The container that `name` means: its name, its id or the beginning of its id.
 * @throws BuildError CONTAINER_NOT_FOUND
 */
export function findRecord(root: string, name: string): ContainerRecord {
  const records = listRecords(root);
  const exact = records.find((record) => record.name === name || record.id === name);
  if (exact !== undefined) return exact;
  const byPrefix = /^[0-9a-f]+$/.test(name)
    ? records.filter((record) => record.id.startsWith(name))
    : [];
  const [first] = byPrefix;
  if (first !== undefined && byPrefix.length === 1) return first;
  const names = records.map((record) => record.name);
  throw containerNotFound(name, first === undefined ? 'none' : 'several', nearest(name, names));
}

/** Takes a container's record and log away. */
export function removeRecord(root: string, id: string): void {
  rmSync(containerDir(root, id), { recursive: true, force: true });
}

/** The state as it is now, and not as it was last written. */
export function observeState(record: ContainerRecord): ObservedState {
  const { state } = record;
  if (state.kind !== 'running') return state;
  return processStart(state.pid) === state.pidStart ? state : { kind: 'dead' };
}

/**
 * What tells a process from a later one of the same pid: its start time and the boot. Undefined when
 * there is no such process, or only its remains.
 */
export function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything; fields count from behind it (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    const start = fields[START_TIME_FIELD];
    if (state === 'Z' || start === undefined) return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${start}`;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

/** Field 22, counted from the third, which is the first behind the name. */
const START_TIME_FIELD = 19;
const RECORD = 'record.json';
const MAX_RECORD_BYTES = 4 * 1024 * 1024;

function readIds(root: string): string[] {
  try {
    return readdirSync(containersDir(root)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function isRecord(value: unknown): value is ContainerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { id, name, image, command, createdAt, ports, state } = value as Partial<ContainerRecord>;
  return (
    [id, name, image, createdAt].every((text) => typeof text === 'string') &&
    Array.isArray(command) &&
    Array.isArray(ports) &&
    typeof state === 'object'
  );
}
