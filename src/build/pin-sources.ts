import { blame } from '../diagnostics/blame.ts';
import type { Emit } from '../events/event.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { Source } from '../ops/op.ts';
import type { RemoteSources } from '../sources/remote-sources.ts';
import { withoutCredentials } from '../sources/shown-url.ts';

/** A source that lies elsewhere. */
type RemoteSource = Extract<Source, { readonly type: 'http' | 'git' }>;

/** What pinning works with. */
export interface PinHost {
  /** Loaded when there is something to pin. */
  readonly remotes: () => Promise<RemoteSources>;
  readonly emit: Emit;
  /** Milliseconds since the build began. */
  readonly elapsed: () => number;
}

/**
 * Finds out what every URL and repository of a graph stands for at present, all at the same time. The result
 * has the same ops, each of these with its pin, which the cache key is made of.
 * @throws BuildError at the instruction that names the source
 */
export async function pinSources(
  graph: OpGraph,
  host: PinHost,
  signal: AbortSignal,
): Promise<OpGraph> {
  if (!graph.ops.some((op) => op.kind === 'source' && isRemote(op.source))) return graph;
  const ops = await Promise.all(
    graph.ops.map(async (op, index) => {
      if (op.kind !== 'source' || !isRemote(op.source)) return op;
      try {
        return { ...op, source: await pinSource(op.source, `pin ${String(index)}`, host, signal) };
      } catch (error) {
        throw blame(error, graph.metadata[index]?.span);
      }
    }),
  );
  return { ...graph, ops };
}

function isRemote(source: Source): source is RemoteSource {
  return source.type === 'http' || source.type === 'git';
}

/** The URL that a user would know it by. */
function sourceAddress(source: RemoteSource): string {
  if (source.type === 'http') return source.url;
  const { remote, ref = '', subdir = '' } = source;
  const fragment = subdir === '' ? ref : `${ref}:${subdir}`;
  return fragment === '' ? remote : `${remote}#${fragment}`;
}

/** The source with what it stands for at present. `task` tells it apart in events. @throws BuildError */
export async function pinSource<S extends RemoteSource>(
  source: S,
  task: string,
  host: PinHost,
  signal: AbortSignal,
): Promise<S> {
  const { emit, elapsed } = host;
  const remotes = await host.remotes();
  const address = withoutCredentials(sourceAddress(source));
  emit({
    type: 'task-started',
    task,
    name: `[internal] load metadata for ${address}`,
    at: elapsed(),
  });
  const onBytes = (current: number, total: number | undefined): void => {
    emit({ type: 'task-progress', task, current, total });
  };
  const pin =
    source.type === 'git'
      ? await remotes.pinGit(source, signal)
      : await remotes.pinUrl(source, onBytes, signal);
  emit({ type: 'task-done', task, at: elapsed(), detail: undefined });
  return { ...source, pin };
}
