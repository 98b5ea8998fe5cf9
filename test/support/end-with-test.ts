import { afterEach, beforeEach } from 'vitest';
import { TestCommands, useTestCommands } from './test-commands.ts';

// For every test file: no command of a rig outlives the test that started it and did not see its end.

beforeEach(({ task, signal }) => {
  // Of tests that run at the same time nobody knows whose a command is.
  useTestCommands(task.concurrent === true ? undefined : new TestCommands(signal));
});

afterEach(async ({ task, signal }) => {
  const commands = useTestCommands(undefined);
  await commands?.close(signal.aborted || task.result?.state === 'fail');
});
