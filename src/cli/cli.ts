import { setImmediate } from 'node:timers/promises';
import { dispatch } from './dispatch.ts';
import { refuseSilentEnd, reportFailure } from './exit.ts';
import { openProcessContext } from './process-context.ts';

/** The program behind `stagecraft`: runs the command and ends the process with its status. */
async function main(): Promise<void> {
  const context = openProcessContext();
  refuseSilentEnd(context.stderr);
  let status: number;
  try {
    status = await dispatch(process.argv.slice(2), context);
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

void main();
