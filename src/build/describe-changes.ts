import type { CacheRecord } from '../cache/cache-store.ts';
import { inputUses, type InputUse } from '../cache/input-parts.ts';
import type { ChangeSubject, KeyChange } from '../events/event.ts';
import { inputOrigin } from '../ops/input-origin.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { OpId } from '../ops/op.ts';
import { compareContentLists } from '../tree/content-list.ts';

/** What the hashes of files were made of. */
export interface FileLists {
  /** The text that `hash` is of; undefined when it is not known. */
  fileList(hash: string): string | undefined;
}

/** Files that are named; the others are counted. */
const MAX_NAMED_FILES = 10;

/** Parts that say nothing beside others: the order of variables changes when one comes or goes. */
const ORDER_PART = 'environment order';

/**
 * Says what the parts of a key stand for that differ from `former`: which files, which build argument,
 * which step. Own changes of the step come first, then files, then other steps.
 */
export function describeChanges(
  graph: OpGraph,
  id: OpId,
  former: CacheRecord,
  changes: readonly KeyChange[],
  lists: FileLists,
): readonly KeyChange[] {
  const hasVariables = changes.some(({ part }) => part.startsWith('env '));
  return changes
    .filter(({ part }) => part !== ORDER_PART || !hasVariables)
    .map((change) => ({ ...change, subject: subjectOf(graph, id, former, change, lists) }))
    .sort((a, b) => rank(a.subject) - rank(b.subject));
}

function rank(subject: ChangeSubject | undefined): number {
  const order = ['instruction', 'build-arg', 'image', 'files', 'step'];
  return subject === undefined ? 1 : order.indexOf(subject.kind);
}

function subjectOf(
  graph: OpGraph,
  id: OpId,
  former: CacheRecord,
  change: KeyChange,
  lists: FileLists,
): ChangeSubject | undefined {
  const { part } = change;
  const op = graph.ops[id];
  const metadata = graph.metadata[id];
  if (op === undefined || metadata === undefined) return undefined;
  if (part.startsWith('env ')) {
    const name = part.slice('env '.length);
    return metadata.buildArgs?.includes(name) === true ? { kind: 'build-arg', name } : undefined;
  }
  if (part === 'manifest' && op.kind === 'source') {
    return { kind: 'image', name: 'name' in op.source ? op.source.name : metadata.name };
  }
  const use = inputUses(op).find((each) => part.startsWith(`${each.part} `));
  const isFiles = part.endsWith(' files');
  if (use !== undefined && (isFiles || part.endsWith(' from'))) {
    const name = graph.metadata[use.from]?.name ?? `op ${String(use.from)}`;
    return isFiles ? filesSubject(graph, use, change, lists) : { kind: 'step', name };
  }
  if (former.name === undefined || isSameText(former.name, metadata.name)) return undefined;
  return { kind: 'instruction', before: former.name, after: metadata.name };
}

/** Apart from the place in front: `[builder 2/5] `. */
function isSameText(a: string, b: string): boolean {
  return a.replace(/^\[[^\]]*\] /, '') === b.replace(/^\[[^\]]*\] /, '');
}

function filesSubject(
  graph: OpGraph,
  use: InputUse,
  { before, after }: KeyChange,
  lists: FileLists,
): ChangeSubject {
  const origin = inputOrigin(graph, use.from);
  const [old, now] = [before, after].map((hash) =>
    hash === undefined ? undefined : lists.fileList(hash),
  );
  if (old === undefined || now === undefined || use.kind !== 'files') {
    return { kind: 'files', origin, count: undefined, first: [] };
  }
  const { selection } = use;
  const source = selection.kind === 'copy' ? selection.action.source : selection.path;
  const files = compareContentLists(old, now, source);
  return { kind: 'files', origin, count: files.length, first: files.slice(0, MAX_NAMED_FILES) };
}
