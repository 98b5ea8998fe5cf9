const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `work`, whose signal is aborted when this process is told to end. Only when it has cleaned up does
 * the process end, by the same signal. A second signal ends it at once.
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    received = name;
    for (const each of SIGNALS) process.removeListener(each, onSignal);
    controller.abort(new Error(`Interrupted by ${name}`));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    await work(controller.signal);
  } catch (error) {
    if (received === undefined) throw error;
  } finally {
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  }
  if (received !== undefined) process.kill(process.pid, received);
}
