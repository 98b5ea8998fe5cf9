import { join } from 'node:path';
import type { BuildReads } from '../build/build-reads.ts';
import type { HostOptions } from '../build/open-host.ts';
import type { BuildRequest } from '../build/request.ts';
import { clockMs } from '../core/clock.ts';
import type { BuildEvent } from '../events/event.ts';
import { MAX_TRACE_BYTES, serializeTrace, type BuildTrace } from '../replay/build-trace.ts';
import { dockerConfigPath } from '../registry/docker-config-path.ts';
import { callId } from '../replay/call.ts';
import { tracePaths } from '../replay/trace-paths.ts';
import type { BuildFlagValues } from './build-flags.ts';
import { configFilePath } from './config-file.ts';
import { tracePath, TRACES } from './trace-files.ts';
import { userCacheDirectory, writeUserCache } from './user-cache.ts';

/** Listens to one build, and keeps a trace of it when everything came from the cache. */
export interface BuildRecorder {
  note(event: BuildEvent): void;
  /** Call at the end, while the build's files are as they were for it. */
  noteReads(reads: () => BuildReads | undefined): void;
  /** Call when the build is over and has succeeded. `id` is that of its image. */
  keep(id: string): void;
}

/** What a trace is made of besides what the build tells. */
export interface RecordedBuild {
  readonly flags: BuildFlagValues;
  readonly request: BuildRequest;
  readonly host: Omit<HostOptions, 'emit'>;
  /** As asked for. */
  readonly progress: string;
}

/** Files of the program itself, and of the user, that no build reads but every command. */
function ownPaths({ flags, host }: RecordedBuild): string[] {
  const { env, homeDir, uid } = host;
  const program = process.argv[1] ?? '';
  return [
    program,
    join(program, '..', 'cli.cjs'),
    configFilePath({ env, homeDir, uid }),
    dockerConfigPath({ env, homeDir }),
    ...(host.caCerts ?? []).filter((path) => path.startsWith('/')),
    ...flags['ca-cert'],
  ];
}

/** Undefined for builds that do more than to leave their image in the store. */
export function openBuildRecorder(build: RecordedBuild): BuildRecorder | undefined {
  const directory = userCacheDirectory(process.env);
  if (directory === undefined || doesMore(build)) return undefined;
  const { request, host, progress } = build;
  const startedAt = host.now();
  const startedClock = clockMs();
  let events: BuildEvent[] | undefined = [];
  let traced: (Pick<BuildReads, 'tags' | 'dockerfile'> & Pick<BuildTrace, 'paths'>) | undefined;

  return {
    note(event) {
      if (SAYS_NOTHING_RAN.has(event.type) && (events?.length ?? 0) < MAX_EVENTS) {
        events?.push(event);
      } else {
        events = undefined;
      }
    },
    noteReads(read) {
      const reads = events === undefined ? undefined : read();
      if (reads === undefined) return;
      const all = [...reads.paths, ...ownPaths(build)];
      const paths = tracePaths({ ...reads, paths: all }, startedAt);
      traced = paths && { tags: reads.tags, dockerfile: reads.dockerfile, paths };
    },
    keep(id) {
      if (events === undefined || traced === undefined || hasWaited(events)) return;
      // A clock that was set meanwhile tells nothing about when files were touched.
      const drift = host.now() - startedAt - (clockMs() - startedClock);
      if (Math.abs(drift) > MAX_DRIFT_MS) return;
      const text = serializeTrace({
        ...traced,
        recordedAt: startedAt,
        registries: host.registries,
        caCerts: host.caCerts ?? [],
        homeDir: host.homeDir,
        root: host.root,
        target: request.target,
        progress,
        id,
        events,
      });
      if (text.length > MAX_TRACE_BYTES) return;
      const call = callId({ argv: process.argv, cwd: host.cwd, env: process.env });
      writeUserCache(tracePath(directory, call), Buffer.from(text), TRACES);
    },
  };
}

/** Longer stories take longer to tell than to work out again. */
const MAX_EVENTS = 4000;
/** Less than files take to settle. */
const MAX_DRIFT_MS = 20;

/** A registry that takes longer may not answer a replay in time. */
const MAX_TASK_MS = 500;

/** True when some task, such as asking a registry, took long: a replay would take as long, and may give up. */
function hasWaited(events: readonly BuildEvent[]): boolean {
  const startedAt = new Map<string, number>();
  return events.some((event) => {
    if (event.type === 'task-started') startedAt.set(event.task, event.at);
    if (event.type !== 'task-done') return false;
    return event.at - (startedAt.get(event.task) ?? 0) > MAX_TASK_MS;
  });
}

/** Types of events that a build tells which takes all from the cache. */
const SAYS_NOTHING_RAN: ReadonlySet<BuildEvent['type']> = new Set<BuildEvent['type']>([
  'diagnostic',
  'note',
  'task-started',
  'task-done',
  'graph-planned',
  'op-cached',
  'stages-measured',
  'image-written',
]);

function doesMore({ flags, request, host }: RecordedBuild): boolean {
  const { outputs, cacheFrom, cacheTo, noCache, isVerified, entitlements } = request;
  const writesFiles = flags.iidfile !== undefined || flags['metadata-file'] !== undefined;
  const uses = outputs.length + cacheFrom.length + cacheTo.length + entitlements.size;
  // Flags before the command change the environment.
  const isOther = host.env !== process.env || noCache !== false || isVerified;
  return writesFiles || uses > 0 || isOther;
}
