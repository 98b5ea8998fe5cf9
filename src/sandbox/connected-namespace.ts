import { DisposeStack } from '../core/dispose-stack.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import {
  isHostRoot,
  makeNetworkNamespace,
  makeOwnedNetworkNamespace,
  type MadeNetworkNamespace,
} from './network-namespace.ts';
import {
  connectOutgoing,
  findWaysOut,
  type NetworkGap,
  type OutgoingProgram,
  type WayOut,
} from './outgoing-network.ts';

/** A network namespace with a way out, until it is disposed of. */
export interface ConnectedNamespace extends AsyncDisposable {
  readonly gap: undefined;
  /** A file that stands for it. */
  readonly path: string;
  /** Name server to use inside. */
  readonly nameServer: string;
  /** What carries its traffic. */
  readonly through: OutgoingProgram;
}

/**
 * Makes a network namespace and joins it to the outside by the first way that works here. `newPath` gives
 * a new name for it, each time it is asked. Needs a private mount namespace.
 *
 * @throws BuildError SANDBOX_START, SystemError EPERM
 */
export async function openConnectedNamespace(
  newPath: () => string,
  searchPath: string,
  signal: AbortSignal,
): Promise<ConnectedNamespace | { readonly gap: NetworkGap }> {
  const ways = findWaysOut(searchPath);
  if (!Array.isArray(ways)) return { gap: ways };
  const gaps: NetworkGap[] = [];
  for (const way of ways) {
    const found = await openThrough(way, newPath(), signal);
    if (found.gap === undefined) return found;
    gaps.push(found.gap);
  }
  const reason = gaps.map((gap) => gap.reason).join('; ');
  return { gap: { reason, remedy: gaps.find(({ remedy }) => remedy !== undefined)?.remedy } };
}

async function openThrough(
  way: WayOut,
  path: string,
  signal: AbortSignal,
): Promise<ConnectedNamespace | { readonly gap: NetworkGap }> {
  await using opened = new DisposeStack();
  // As root of the host, pasta gives up its rights before it has entered a namespace of root's.
  const isOwned = way.name === 'pasta' && isHostRoot();
  let namespace: MadeNetworkNamespace & Disposable;
  try {
    namespace = isOwned ? makeOwnedNetworkNamespace(path) : await makeNetworkNamespace(path);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const reason = error.message.replace(/^Cannot start the process: /, '');
    return { gap: { reason, remedy: undefined } };
  }
  opened.defer(() => {
    namespace[Symbol.dispose]();
  });
  const outgoing = await connectOutgoing(way, namespace, signal);
  if (outgoing.gap !== undefined) return outgoing;
  opened.use(outgoing);
  const kept = opened.move();
  const { nameServer } = outgoing;
  return {
    gap: undefined,
    path,
    nameServer,
    through: way.name,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}
