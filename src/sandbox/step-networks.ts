import { join } from 'node:path';
import { DisposeStack } from '../core/dispose-stack.ts';
import { enterPrivateMountNamespace } from '../host/mount-namespace.ts';
import { hasCode } from '../host/sys.ts';
import { networkNotIsolated } from './errors.ts';
import { openConnectedNamespace, type ConnectedNamespace } from './connected-namespace.ts';
import type { NetworkGap } from './outgoing-network.ts';
import { makeStepDir } from './step-dir.ts';
import { HOST_NETWORK, type StepNetwork, type StepNetworks } from './step-network.ts';

/** What networks are made with. */
export interface StepNetworksOptions {
  /** Directory for what must not stay. */
  readonly runtimeDir: string;
  /** PATH of this process. */
  readonly searchPath: string;
  /** True to fail where there is no way out of a namespace; else steps use the host's network then. */
  readonly mustIsolate: boolean;
  /** Is told once that the host's network is used, and why. */
  readonly onGap: (gap: NetworkGap) => void;
}

/** In a container that allows none. */
const NO_NAMESPACES: NetworkGap = {
  reason: 'no namespaces may be made here',
  remedy: undefined,
};

/** Starts nothing before the first step asks. */
export function openStepNetworks(options: StepNetworksOptions): StepNetworks {
  const opened = new DisposeStack();
  const free: ConnectedNamespace[] = [];
  let dir: string | undefined;
  let gap: NetworkGap | undefined;
  let count = 0;

  async function open(signal: AbortSignal): Promise<ConnectedNamespace | NetworkGap> {
    try {
      enterPrivateMountNamespace();
    } catch (error) {
      if (hasCode(error, 'EPERM')) return NO_NAMESPACES;
      throw error;
    }
    dir ??= makeOwnDir();
    const own = dir;
    const newPath = (): string => join(own, `network-${String(count++)}`);
    const found = await openConnectedNamespace(newPath, options.searchPath, signal);
    if (found.gap !== undefined) return found.gap;
    opened.use(found);
    return found;
  }

  function makeOwnDir(): string {
    const made = makeStepDir(options.runtimeDir);
    opened.defer(() => {
      made[Symbol.dispose]();
    });
    return made.path;
  }

  function withoutIsolation(found: NetworkGap): StepNetwork {
    if (options.mustIsolate) throw networkNotIsolated(found);
    if (gap === undefined) options.onGap(found);
    gap = found;
    return HOST_NETWORK;
  }

  return {
    async take(signal) {
      if (gap !== undefined) return HOST_NETWORK;
      const found = free.pop() ?? (await open(signal));
      if ('reason' in found) return withoutIsolation(found);
      return {
        network: { kind: 'namespace', path: found.path },
        nameServer: found.nameServer,
        through: found.through,
        [Symbol.dispose]: () => {
          free.push(found);
        },
      };
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** What `stagecraft info` shows about the network of steps. */
export interface NetworkDescription {
  readonly isIsolated: boolean;
  /** What steps get. */
  readonly detail: string;
  /** What would give them a network of their own, where that is known. */
  readonly remedy: string | undefined;
}

/** Makes one network, to see whether that works here. */
export async function describeNetwork(
  options: Pick<StepNetworksOptions, 'runtimeDir' | 'searchPath'>,
  signal: AbortSignal,
): Promise<NetworkDescription> {
  let gap: NetworkGap | undefined;
  const onGap = (found: NetworkGap): void => {
    gap = found;
  };
  await using networks = openStepNetworks({ ...options, mustIsolate: false, onGap });
  using taken = await networks.take(signal);
  return taken.through !== undefined
    ? { isIsolated: true, detail: `one of their own, through ${taken.through}`, remedy: undefined }
    : { isIsolated: false, detail: `this host's: ${gap?.reason ?? ''}`, remedy: gap?.remedy };
}
