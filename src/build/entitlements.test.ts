import { expect, test } from 'vitest';
import type { ExecOp } from '../ops/op.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import { execOp } from '../testing/sample-ops.ts';
import { checkEntitlements } from './entitlements.ts';
import type { BuildRequest, Entitlement } from './request.ts';

function check(
  change: Partial<ExecOp>,
  allowed: readonly Entitlement[],
  network: BuildRequest['network'] = 'default',
): void {
  const op = execOp(change);
  const graph = { ops: [op], metadata: [{ name: 'RUN true' }], targets: [] } as unknown as OpGraph;
  const request = { network, entitlements: new Set(allowed) };
  checkEntitlements(graph, request as unknown as BuildRequest);
}

test.each<[Entitlement, Partial<ExecOp>]>([
  ['security.insecure', { security: 'insecure' }],
  ['network.host', { network: 'host' }],
])('A step that needs "%s" runs only where it is allowed', (name, change) => {
  expect(() => check(change, [])).toThrow(
    expect.objectContaining({
      code: 'ENTITLEMENT_MISSING',
      message: `Cannot run this step: it needs "${name}", which is not allowed`,
      hint: `Add --allow ${name} if you trust this Dockerfile`,
    }) as Error,
  );
  check(change, [name]);
});

test('A network that the user chose for all steps needs no entitlement', () => {
  check({ network: 'host' }, [], 'host');
});
