import type { ExecOp } from '../ops/op.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import { entitlementMissing } from './errors.ts';
import type { BuildRequest, Entitlement } from './request.ts';

/**
 * Refuses a graph with steps that need more than the user allows. A network that the user chose for the
 * whole build needs no word of its own.
 * @throws BuildError ENTITLEMENT_MISSING
 */
export function checkEntitlements(graph: OpGraph, request: BuildRequest): void {
  for (const [index, op] of graph.ops.entries()) {
    if (op.kind !== 'exec') continue;
    const missing = needs(op, request).find((name) => !request.entitlements.has(name));
    if (missing !== undefined) throw entitlementMissing(missing, graph.metadata[index]?.span);
  }
}

function needs(op: ExecOp, request: BuildRequest): Entitlement[] {
  return [
    ...(op.security === 'insecure' ? (['security.insecure'] as const) : []),
    ...(op.network === 'host' && request.network !== 'host' ? (['network.host'] as const) : []),
  ];
}
