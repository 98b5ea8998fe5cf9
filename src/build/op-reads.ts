import { inputUses } from '../cache/input-parts.ts';
import { MAIN_CONTEXT } from '../ops/lower-source.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { Op, OpId } from '../ops/op.ts';

/** What an op reads besides the file system that it stands on, in words. */
export function opReads(graph: OpGraph, op: Op): readonly string[] {
  const reads = inputUses(op).flatMap((use) => {
    if (use.kind === 'whole') return [];
    const { selection } = use;
    const path = selection.kind === 'copy' ? selection.action.source : selection.path;
    return [`${path === '' ? '/' : path} from ${originOf(graph, use.from)}`];
  });
  return [...new Set(reads)];
}

function originOf(graph: OpGraph, id: OpId): string {
  const op = graph.ops[id];
  const metadata = graph.metadata[id];
  if (op?.kind === 'source') {
    const { source } = op;
    if (source.type === 'local') {
      return source.name === MAIN_CONTEXT ? 'the build context' : `build context "${source.name}"`;
    }
    if (source.type === 'image' || source.type === 'oci-layout') return `image ${source.name}`;
    return source.type === 'http' ? source.url : source.remote;
  }
  // Files that stand in the Dockerfile itself have no stage.
  return metadata?.stage === undefined ? 'the Dockerfile' : `stage "${metadata.stage}"`;
}
