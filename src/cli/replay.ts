import { setImmediate } from 'node:timers/promises';
import { openBuildLog } from '../build/build-log.ts';
import { clockMs } from '../core/clock.ts';
import type { BuildEvent } from '../events/event.ts';
import { openRegistries } from '../registry/registries.ts';
import { digestOfTag } from '../registry/tag-digest.ts';
import { MAX_TRACE_BYTES, parseTrace, type BuildTrace } from '../replay/build-trace.ts';
import { isInState } from '../replay/path-state.ts';
import { chooseProgress, createProgress, openProgressEnvironment } from './create-progress.ts';
import type { CommandContext } from './command.ts';
import type { ProgressKind } from './progress.ts';
import { runMain } from './run-main.ts';
import { readUserCache, removeUserCache } from './user-cache.ts';

/** Older ones are not used, so that what a build notes of its time of use is never much older. */
const MAX_AGE_MS = 30 * 60 * 1000;
/** A registry that is slower than that is asked by the build itself, which shows that it waits. */
const MAX_WAIT_MS = 1000;

/**
 * Tells what the build of the trace at `path` would tell, and ends this process, when nothing has changed that it
 * depends on. Resolves to nothing when it has to be worked out.
 */
export async function replayBuild(path: string): Promise<void> {
  const startedAt = clockMs();
  const bytes = readUserCache(path, MAX_TRACE_BYTES);
  const trace = bytes === undefined ? undefined : parseTrace(bytes.toString('utf8'));
  if (trace === undefined) return;
  if (!(await isAsItWas(trace))) {
    // Who works on files changes them again: then looking at them for nothing happens once.
    removeUserCache(path);
    return;
  }
  await runMain((context) => tell(trace, context, () => Math.round(clockMs() - startedAt)));
}

async function isAsItWas(trace: BuildTrace): Promise<boolean> {
  const age = Date.now() - trace.recordedAt;
  if (age < 0 || age > MAX_AGE_MS) return false;
  const over = new AbortController();
  const timer = setTimeout(() => {
    over.abort();
  }, MAX_WAIT_MS);
  try {
    const areSameTags = areTagsAsTheyWere(trace, over.signal);
    areSameTags.catch(() => undefined);
    // By then the question is on its way, and files are looked at meanwhile.
    await setImmediate();
    const isSame = trace.paths.every(([aspect, path, state]) => isInState(path, aspect, state));
    return isSame && (await areSameTags);
  } catch {
    // The build looks again, and says what is wrong.
    return false;
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

async function areTagsAsTheyWere(trace: BuildTrace, signal: AbortSignal): Promise<boolean> {
  const { tags, registries, caCerts, homeDir } = trace;
  if (tags.length === 0) return true;
  const asked = openRegistries({ registries, caCerts, homeDir, env: process.env });
  try {
    const answers = await Promise.all(
      tags.map(async (tag) => (await digestOfTag(asked, tag, signal)) === tag.digest),
    );
    return answers.every(Boolean);
  } finally {
    asked.close();
  }
}

function tell(trace: BuildTrace, context: CommandContext, elapsed: () => number): number {
  const { root, dockerfile, target, events, id } = trace;
  const { env, stderr, stdout, signal } = context;
  const kind = chooseProgress(trace.progress as ProgressKind | 'auto', stderr, env);
  const progress = createProgress(kind, stderr, openProgressEnvironment(env));
  const log = openBuildLog(
    { root, holds: HOLDS_NOTHING },
    { dockerfile, target },
    {
      emit: (event) => progress.emit(event),
      startedAt: context.now() - elapsed(),
      now: () => context.now(),
    },
    signal,
  );
  try {
    for (const event of events) log.emit(retimed(event, elapsed()));
    log.close(undefined);
  } finally {
    progress.close();
  }
  if (kind === 'quiet') stdout.write(`${id}\n`);
  return 0;
}

/** What steps print is held, and here no step runs. */
const HOLDS_NOTHING = {
  note: () => {
    throw new TypeError('A replayed build prints nothing');
  },
};

/** The event, as of now. What took time was asking registries. */
function retimed(event: BuildEvent, now: number): BuildEvent {
  return 'at' in event ? { ...event, at: event.type === 'task-started' ? 0 : now } : event;
}
