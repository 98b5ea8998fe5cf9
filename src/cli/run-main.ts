import { setImmediate } from 'node:timers/promises';
import type { CommandContext } from './command.ts';
import { refuseSilentEnd, reportFailure } from './exit.ts';
import { openProcessContext } from './process-context.ts';

/** Does the work of this process, says what goes wrong, and ends it with the status that the work gives. */
export async function runMain(
  work: (context: CommandContext) => number | Promise<number>,
): Promise<never> {
  const context = openProcessContext();
  refuseSilentEnd(context.stderr);
  let status: number;
  try {
    status = await work(context);
    // Streams tell on the next turn that a write failed.
    await setImmediate();
    context.signal.throwIfAborted();
  } catch (error) {
    status = reportFailure(error, context.stderr, context.signal);
  }
  await Promise.all([context.stdout.flush(), context.stderr.flush()]);
  // Connections that registries keep open must not keep us.
  process.exit(status);
}
