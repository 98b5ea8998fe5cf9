import type { OpGraph } from './op-graph.ts';
import type { OpId } from './op.ts';

/**
 * What people call the files of an op when a step reads them: `stage "builder"`, `image "nginx"`.
 * Undefined for the main build context, which messages need not name.
 */
export function inputOrigin(graph: OpGraph, id: OpId): string | undefined {
  const op = graph.ops[id];
  if (op?.kind === 'source') {
    switch (op.source.type) {
      case 'image':
      case 'oci-layout':
        return `image "${op.source.name}"`;
      case 'local':
        return op.source.name === 'context' ? undefined : `build context "${op.source.name}"`;
      case 'http':
        return `"${op.source.url}"`;
      case 'git':
        return `"${op.source.remote}"`;
      default:
        return op.source satisfies never;
    }
  }
  const stage = graph.metadata[id]?.stage;
  return stage === undefined ? undefined : `stage "${stage}"`;
}
