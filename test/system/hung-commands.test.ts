import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openRig, type Rig } from '../support/cli.ts';

/** What the tests of hung-commands.fixture.ts did: name → status and messages. */
let results: Map<string, { readonly status: string; readonly failureMessages: readonly string[] }>;
let rig: Rig;

const ROOT = join(import.meta.dirname, '../..');
const OPTIONS = {
  config: false,
  watch: false,
  root: ROOT,
  include: ['test/support/hung-commands.fixture.ts'],
  setupFiles: ['test/support/end-with-test.ts'],
  testTimeout: 5000,
  reporters: ['json'],
};

/** Runs the file in a vitest of its own: what is tested is how the two work together. */
const RUN = `import { startVitest } from 'vitest/node';
const vitest = await startVitest('test', [], ${JSON.stringify(OPTIONS)});
await vitest.close();`;

beforeAll(async () => {
  rig = openRig();
  const words = ['--input-type=module', '-e', RUN];
  const { stdout, stderr } = await rig.run(words, { program: process.execPath, cwd: ROOT });
  const report = /^\{.*\}$/m.exec(stdout)?.[0];
  if (report === undefined) throw new Error(stdout + stderr);
  const { testResults } = JSON.parse(report) as {
    testResults: {
      message: string;
      assertionResults: { title: string; status: string; failureMessages: string[] }[];
    }[];
  };
  results = new Map(
    testResults.flatMap(({ assertionResults }) =>
      assertionResults.map((each) => [each.title, each]),
    ),
  );
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** The messages of a test that failed, without the places in files. */
function messagesOf(title: string): string {
  const result = results.get(title);
  expect(result?.status).toBe('failed');
  return (result?.failureMessages ?? []).join('\n').replaceAll(/^ +at .*\n?/gm, '');
}

const ABOUT_COMMAND = `Error: Ran until it was ended, as its test was over: /bin/sh -c echo printed; setsid sleep 1000 & sleep 1000
It had printed:
printed`;

test('A test whose time is up shows the command that it waited for, and what that had printed', () => {
  const messages = messagesOf('waits for a command that hangs');
  // One message is that of the time.
  expect(results.get('waits for a command that hangs')?.failureMessages).toHaveLength(2);
  expect(messages).toContain(ABOUT_COMMAND);
});

test('A test that fails shows the command that still ran', () => {
  const messages = messagesOf('fails while a command runs');
  expect(messages).toContain('expected 1 to be 2');
  expect(messages).toContain(ABOUT_COMMAND);
});

test('A test that leaves a process behind says which', () => {
  expect(messagesOf('leaves something behind')).toMatch(/Left behind:\n\w+ of \d+ \(sleep 1000\)/);
});

test.each([
  'finds nothing of it',
  'finds nothing of that one',
  'does not find what the one before left',
])('The next test passes (%s)', (title) => {
  expect(results.get(title)).toMatchObject({ status: 'passed', failureMessages: [] });
});
