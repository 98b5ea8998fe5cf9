import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomHex } from '../core/random-name.ts';
import { timeText } from '../core/time-text.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { BuildEvent, Emit, MissReason } from '../events/event.ts';
import { diskError } from '../host/disk-error.ts';
import type { Holds } from '../host/holds.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { Store } from './open-store.ts';
import { openStepLogs, tidyStepLogs, type StepLogs } from './step-logs.ts';

/**
 * What builds did, kept to be asked for afterwards:
 *
 *   <store>/builds/<id>.json   one build, written when it is over
 *   <store>/builds/<id>/       what its steps printed (step-logs.ts)
 *
 * Only events are read here: what progress shows and what is kept can never differ. The oldest records go
 * when there are more than `MAX_BUILDS`.
 */
export interface BuildRecord {
  /** Begins with the time, so that ids sort by it. */
  readonly id: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly durationMs: number;
  /** Path of the Dockerfile, or `-`. */
  readonly dockerfile: string;
  readonly target: string | undefined;
  readonly status: 'done' | 'failed' | 'aborted';
  /** Of a failed build; without a code when it is a mistake of ours. */
  readonly error?: { readonly code: string | undefined; readonly message: string } | undefined;
  /** In the order of the graph. */
  readonly steps: readonly StepRecord[];
  /** Steps that are not told, as there are too many. */
  readonly omittedSteps: number;
  /** `image app:latest sha256:…` */
  readonly images: readonly string[];
}

/** What became of one step. */
export interface StepRecord {
  /** `[builder 2/5] RUN go build`. */
  readonly name: string;
  /** `unneeded`: what would have read its result was cached, or the build ended before. */
  readonly state: 'cached' | 'ran' | 'failed' | 'unneeded';
  /** Why it was not cached. */
  readonly because?: MissReason | undefined;
  readonly durationMs?: number | undefined;
  /** Bytes of files that it added. */
  readonly bytes?: number | undefined;
  /** What it printed, where it printed anything. */
  readonly output?: StepOutput | undefined;
}

/** What a step printed: the whole of it or its beginning and end are in the log `op`. */
export interface StepOutput {
  readonly op: number;
  /** Bytes that it printed. */
  readonly bytes: number;
}

/** Collects what one build tells. */
export interface BuildLog {
  readonly id: string;
  /** Notes an event and passes it on. */
  readonly emit: Emit;
  /** Writes the record. `error` undefined is a success. A full disk loses it, and not the build. */
  close(error: unknown): void;
}

const MAX_BUILDS = 100;
const MAX_STEPS = 2_000;
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

interface NotedStep {
  readonly name: string;
  state: StepRecord['state'];
  because?: MissReason;
  startedAt?: number;
  durationMs?: number;
  bytes?: number;
}

/** Begins to note a build. Nothing is written before `close`. */
export function openBuildLog(
  { root, holds }: Pick<Store, 'root'> & { readonly holds: Pick<Holds, 'note'> },
  about: Pick<BuildRecord, 'dockerfile' | 'target'>,
  world: { readonly emit: Emit; readonly startedAt: number; now(): number },
  signal: AbortSignal,
): BuildLog {
  const { startedAt } = world;
  const id = startedAt.toString(36).padStart(9, '0') + randomHex(4);
  const steps = new Map<number, NotedStep>();
  const images: string[] = [];
  const logs = openStepLogs(logDirectory(root, id), () => {
    holds.note(logHold(id));
  });
  const note = (event: BuildEvent): void => {
    if (event.type === 'image-written') {
      images.push(`${event.image.destination} ${event.image.digest}`);
    } else if (event.type === 'graph-planned') {
      for (const { op, name } of event.ops) steps.set(op, { name, state: 'unneeded' });
    } else if ('op' in event) {
      if (event.type === 'op-output') logs.write(event.op, event.bytes);
      const step = steps.get(event.op);
      if (step !== undefined) noteStep(step, event);
    }
  };
  return {
    id,
    emit(event) {
      note(event);
      world.emit(event);
    },
    close(error) {
      logs.close();
      // A file with a mistake in it has no steps to tell of.
      if (steps.size === 0) return;
      const status = error === undefined ? 'done' : signal.aborted ? 'aborted' : 'failed';
      writeRecord(root, {
        id,
        startedAt: timeText(startedAt),
        durationMs: world.now() - startedAt,
        ...about,
        status,
        error: status === 'failed' ? errorText(error) : undefined,
        ...told(steps, logs),
        images,
      });
    },
  };
}

function noteStep(step: NotedStep, event: Extract<BuildEvent, { readonly op: number }>): void {
  switch (event.type) {
    case 'op-cached':
      step.state = 'cached';
      return;
    case 'op-missed':
      step.because = event.because;
      return;
    case 'op-started':
      step.startedAt = event.at;
      return;
    case 'op-done':
    case 'op-failed':
      step.state = event.type === 'op-done' ? 'ran' : 'failed';
      step.durationMs = event.at - (step.startedAt ?? event.at);
      if (event.type === 'op-done') step.bytes = event.bytes;
      return;
    case 'op-output':
    case 'op-progress':
    case 'op-repeats':
      return;
    default:
      event satisfies never;
  }
}

/** Where there are very many steps, those that ran are told first. */
function told(
  steps: ReadonlyMap<number, NotedStep>,
  logs: StepLogs,
): Pick<BuildRecord, 'steps' | 'omittedSteps'> {
  const all = [...steps].sort(([a], [b]) => a - b).map(([op, step]) => ({ ...step, op }));
  const ran = all.filter(({ because }) => because !== undefined);
  const chosen = new Set(all.length > MAX_STEPS ? [...ran, ...all].slice(0, MAX_STEPS) : all);
  const kept = all.filter((step) => chosen.has(step));
  return {
    steps: kept.map(({ op, name, state, because, durationMs, bytes }) => {
      const printed = logs.sizeOf(op);
      const output = printed === undefined ? undefined : { op, bytes: printed };
      return { name, state, because, durationMs, bytes, output };
    }),
    omittedSteps: all.length - kept.length,
  };
}

function errorText(error: unknown): BuildRecord['error'] {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (first instanceof BuildError) return { code: first.code, message: first.message };
  return { code: undefined, message: first instanceof Error ? first.message : String(first) };
}

function writeRecord(root: string, record: BuildRecord): void {
  const directory = join(root, 'builds');
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    replaceFile(join(directory, `${record.id}.json`), JSON.stringify(record));
    const old = recordIds(root).slice(MAX_BUILDS);
    for (const id of old) rmSync(join(directory, `${id}.json`), { force: true });
    if (old.length > 0 || record.steps.some(({ output }) => output !== undefined)) {
      tidyStepLogs(directory, recordIds(root));
    }
  } catch (error) {
    if (diskError(root, error) === undefined) throw error;
  }
}

/** What a build holds (host/holds.ts) as long as it may write logs and has no record yet. */
export function logHold(id: string): string {
  return `builds/${id}`;
}

/** Where the logs of a build's steps are. */
export function logDirectory(root: string, id: string): string {
  return join(root, 'builds', id);
}

/** Ids of the builds that are kept, latest first. */
export function recordIds(root: string): string[] {
  let names: string[];
  try {
    names = readdirSync(join(root, 'builds'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return names
    .flatMap((name) => /^([0-9a-z]{13})\.json$/.exec(name)?.[1] ?? [])
    .sort()
    .reverse();
}

/** The record of a build; undefined when there is none that has our form. */
export function readRecord(root: string, id: string): BuildRecord | undefined {
  const text = readFileCapped(join(root, 'builds', `${id}.json`), MAX_RECORD_BYTES);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text.toString('utf8'));
    const record = value as Partial<BuildRecord> | null;
    const isOurs = record?.id === id && Array.isArray(record.steps) && Array.isArray(record.images);
    return isOurs ? (record as BuildRecord) : undefined;
  } catch {
    return undefined;
  }
}
