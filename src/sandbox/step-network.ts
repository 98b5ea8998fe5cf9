import type { OutgoingProgram } from './outgoing-network.ts';
import type { SandboxNetwork } from './sandbox.ts';

/**
 * The networks of a build's steps: each step has a namespace with a way out to itself while it runs.
 * The next one gets the same namespace: all processes of the one before are gone, and none had the right to
 * change it. So a build starts one for each step that runs at the same time, not one for each step.
 */
export interface StepNetworks extends AsyncDisposable {
  /** @throws BuildError NETWORK_NOT_ISOLATED, the signal's reason */
  take(signal: AbortSignal): Promise<StepNetwork>;
}

/** The network of one step, given back when it is disposed of. */
export interface StepNetwork extends Disposable {
  readonly network: SandboxNetwork;
  /** Undefined: those of the host. */
  readonly nameServer: string | undefined;
  /** What carries its traffic; undefined where nothing has to. */
  readonly through?: OutgoingProgram | undefined;
}

/** The host's own network, for steps that asked for it. */
export const HOST_NETWORK: StepNetwork = {
  network: { kind: 'host' },
  nameServer: undefined,
  [Symbol.dispose]: () => undefined,
};

/** No network but loopback. */
export const NO_NETWORK: StepNetwork = {
  network: { kind: 'none' },
  nameServer: undefined,
  [Symbol.dispose]: () => undefined,
};
