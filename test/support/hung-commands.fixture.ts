import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRig, type Rig } from './cli.ts';

// A test file as those of test/system, with tests that fail: hung-commands.test.ts runs it.

let rig: Rig;

beforeAll(() => {
  rig = openRig();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** The second process is in a session of its own, as steps are. */
const HANGS = ['-c', 'echo printed; setsid sleep 1000 & sleep 1000'];
const shell = { program: '/bin/sh' };

test('waits for a command that hangs', async () => {
  await rig.run(HANGS, shell);
});

test('finds nothing of it', async () => {
  await rig.assertNothingLeft();
});

test('fails while a command runs', async () => {
  await rig.start(HANGS, shell).printed('printed');
  expect(1).toBe(2);
});

test('finds nothing of that one', async () => {
  await rig.assertNothingLeft();
});

test('leaves something behind', async () => {
  await rig.run(['-c', 'setsid sleep 1000 >/dev/null 2>&1 &'], shell);
  await rig.assertNothingLeft();
});

test('does not find what the one before left', async () => {
  await rig.assertNothingLeft();
});
