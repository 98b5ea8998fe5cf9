import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandResult } from '../support/cli.ts';

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig();
  const context = rig.context({ Dockerfile: 'FROM busybox\nRUN echo before > /before\n' });
  const { status, stderr } = await rig.run(['build', '-t', 'kept', context]);
  expect(status, stderr).toBe(0);
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

interface BadInput {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  /** After `build -t kept`. */
  readonly words: readonly string[];
  readonly status: number;
  /** All that is printed from `error[` on. */
  readonly text: string;
}

const BAD_INPUTS: readonly BadInput[] = [
  {
    what: 'No Dockerfile',
    files: { 'main.go': '' },
    words: ['.'],
    status: 3,
    text: `error[DOCKERFILE_NOT_FOUND]: Cannot read Dockerfile "Dockerfile": the build context has none
  hint: Name the file with -f
`,
  },
  {
    what: 'No file of that name for -f',
    files: { Dockerfile: 'FROM scratch\n' },
    words: ['-f', 'Nope', '.'],
    status: 3,
    text: `error[DOCKERFILE_NOT_FOUND]: Cannot read Dockerfile "Nope": there is no such file
  hint: The path of -f starts at the working directory
`,
  },
  {
    what: 'An empty Dockerfile',
    files: { Dockerfile: '' },
    words: ['.'],
    status: 3,
    text: `error[EMPTY_DOCKERFILE]: Cannot parse Dockerfile: file with no instructions
  --> Dockerfile:1:1
    |
  1 |${' '}
    | ^
  hint: Begin with a FROM instruction
`,
  },
  {
    what: 'An unknown instruction',
    files: { Dockerfile: 'FROM scratch\nCOPPY a /\n' },
    words: ['.'],
    status: 3,
    text: `error[UNKNOWN_INSTRUCTION]: Cannot parse Dockerfile: unknown instruction: COPPY
  --> Dockerfile:2:1
    |
  2 | COPPY a /
    | ^^^^^
  hint: Did you mean "COPY"?
`,
  },
  {
    what: 'A target that does not exist',
    files: { Dockerfile: 'FROM busybox AS builder\nFROM busybox AS final\n' },
    words: ['--target', 'bulider', '.'],
    status: 2,
    text: `error[TARGET_NOT_FOUND]: Cannot build target "bulider": the Dockerfile has no stage of this name
  hint: Did you mean "builder"?
`,
  },
  {
    what: 'Two results for standard output',
    files: { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' },
    words: ['-o', '-', '-o', 'type=oci,dest=-', '.'],
    status: 2,
    text: `error[OUTPUT_INVALID]: Cannot use output "type=oci,dest=-": standard output takes one result, and another goes there
`,
  },
  {
    what: 'A digest as the name of what is built',
    files: { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' },
    words: ['-t', `app@sha256:${'7'.repeat(64)}`, '.'],
    status: 3,
    text: `error[INVALID_REFERENCE]: Cannot use "app@sha256:${'7'.repeat(64)}" as an image name: a digest names its content, and cannot be given to an image
  hint: Leave "@sha256:${'7'.repeat(64)}" out.
`,
  },
  {
    what: 'A stage index that does not exist',
    files: { Dockerfile: 'FROM busybox\nFROM scratch\nCOPY --from=7 /a /\n' },
    words: ['.'],
    status: 3,
    text: `error[STAGE_INDEX_INVALID]: Cannot copy from stage 7: the stages of this Dockerfile are 0 to 1
  --> Dockerfile:3:13
    |
  3 | COPY --from=7 /a /
    |             ^
`,
  },
  {
    what: 'A file that is not in the context',
    files: { Dockerfile: 'FROM busybox\nCOPY main.go /\n', 'mian.go': '' },
    words: ['.'],
    status: 3,
    text: `error[COPY_SOURCE_NOT_FOUND]: Cannot copy "/main.go": it is not in the build context
  --> Dockerfile:2:1
    |
  2 | COPY main.go /
    | ^^^^^^^^^^^^^^
  hint: Did you mean "/mian.go"?
`,
  },
  {
    what: 'A file that .dockerignore leaves out',
    files: {
      Dockerfile: 'FROM busybox\nCOPY notes.txt /\n',
      'notes.txt': '',
      '.dockerignore': '# texts\n*.txt\n',
    },
    words: ['.'],
    status: 3,
    text: `error[COPY_SOURCE_NOT_FOUND]: Cannot copy "/notes.txt": it is not in the build context
  --> Dockerfile:2:1
    |
  2 | COPY notes.txt /
    | ^^^^^^^^^^^^^^^^
  hint: Line 2 of .dockerignore ("*.txt") leaves it out.
`,
  },
  {
    what: 'A file that is not in the stage',
    files: {
      Dockerfile:
        'FROM busybox AS builder\nRUN touch /out\nFROM scratch\nCOPY --from=builder /uot /\n',
    },
    words: ['.'],
    status: 3,
    text: `error[COPY_SOURCE_NOT_FOUND]: Cannot copy "/uot": it is not in stage "builder"
  --> Dockerfile:4:1
    |
  4 | COPY --from=builder /uot /
    | ^^^^^^^^^^^^^^^^^^^^^^^^^^
  hint: Did you mean "/out"?
`,
  },
  {
    what: 'A step that fails',
    files: { Dockerfile: 'FROM busybox\nRUN echo the last words >&2; exit 3\n' },
    words: ['.'],
    status: 4,
    text: `error[STEP_FAILED]: Cannot run "echo the last words >&2; exit 3": exit status 3
  --> Dockerfile:2:1
    |
  2 | RUN echo the last words >&2; exit 3
    | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
`,
  },
  {
    what: 'A command that is not there',
    files: { Dockerfile: 'FROM busybox\nRUN no-such-command\n' },
    words: ['.'],
    status: 4,
    text: `error[STEP_FAILED]: Cannot run "no-such-command": exit status 127 (command not found)
  --> Dockerfile:2:1
    |
  2 | RUN no-such-command
    | ^^^^^^^^^^^^^^^^^^^
  hint: Install the command in this stage, or check its spelling and PATH
`,
  },
  {
    what: 'A context that is a file',
    files: { Dockerfile: 'FROM busybox\n' },
    words: ['Dockerfile'],
    status: 3,
    text: `error[CONTEXT_NOT_A_DIRECTORY]: Cannot use "Dockerfile" as build context: it is not a directory
  hint: To name a Dockerfile, use -f Dockerfile
`,
  },
  {
    what: 'A context that is not there',
    files: { Dockerfile: 'FROM busybox\n' },
    words: ['nowhere'],
    status: 3,
    text: `error[CONTEXT_NOT_A_DIRECTORY]: Cannot use "nowhere" as build context: it does not exist
`,
  },
  {
    what: 'A registry that nobody runs',
    files: { Dockerfile: 'FROM 127.0.0.1:1/team/app:1\n' },
    words: ['.'],
    status: 5,
    text: `error[REGISTRY_UNREACHABLE]: Cannot reach registry "127.0.0.1:1": the connection is refused
  --> Dockerfile:1:6
    |
  1 | FROM 127.0.0.1:1/team/app:1
    |      ^^^^^^^^^^^^^^^^^^^^^^
  hint: Check the network, the name of the registry and its mirrors in the configuration.
`,
  },
  {
    what: 'A flag that does not exist',
    files: { Dockerfile: 'FROM busybox\n' },
    words: ['--tga', 'x', '.'],
    status: 2,
    text: `error[UNKNOWN_FLAG]: Cannot read the command line: "stagecraft build" has no flag "--tga"
  hint: Did you mean "--tag"?
`,
  },
];

/** Builds as `kept`, which is there already, and checks that the image is the one that it was. */
async function buildOver(
  files: Readonly<Record<string, string>>,
  words: readonly string[],
): Promise<CommandResult> {
  const list = ['images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'];
  const before = await rig.run(list);
  expect(before.stdout).toMatch(/^kept:latest sha256:[0-9a-f]{64}\n$/);
  const result = await rig.run(['build', '--progress=plain', '-t', 'kept', ...words], {
    cwd: rig.context(files),
  });
  expect(await rig.run(list)).toEqual(before);
  await rig.assertNothingLeft();
  return result;
}

test.each(BAD_INPUTS)('$what: one error, its status, and no image', async (bad) => {
  const { status, stdout, stderr } = await buildOver(bad.files, bad.words);
  expect(stderr.slice(stderr.indexOf('error['))).toBe(bad.text);
  expect({ status, stdout }).toEqual({ status: bad.status, stdout: '' });
});

test('A step that fails shows the last of what it printed', async () => {
  const dockerfile = 'FROM busybox\nRUN echo the last words >&2; exit 3\n';
  const { stderr } = await buildOver({ Dockerfile: dockerfile }, ['.']);
  expect(stderr.replaceAll(/^\d+\.\d{3} /gm, 'TIME ')).toContain(`------
 > [2/2] RUN echo the last words >&2; exit 3:
TIME the last words
------
error[STEP_FAILED]: `);
});

test('A stage name with a slip is answered with the nearest one', async () => {
  const dockerfile = 'FROM busybox AS builder\nFROM scratch\nCOPY --from=bulider /a /\n';
  const { status, stderr } = await buildOver({ Dockerfile: dockerfile }, ['.']);
  expect(status).toBe(5);
  expect(stderr).toContain(`
  --> Dockerfile:3:13
    |
  3 | COPY --from=bulider /a /
    |             ^^^^^^^
  hint: Did you mean the stage "builder"?`);
});

test('An image that the registry does not have is said to be missing there', async () => {
  const host = new URL(rig.mirror).host;
  const files = { Dockerfile: `FROM ${host}/library/busybox:no-such-tag\n` };
  const { status, stderr } = await buildOver(files, ['.']);
  expect(status).toBe(3);
  expect(stderr).toContain(
    `error[IMAGE_NOT_FOUND]: Cannot find image "${host}/library/busybox:no-such-tag": ` +
      `registry "${host}" has no tag "no-such-tag" in "library/busybox"
  --> Dockerfile:1:6
`,
  );
});

test('A configuration with a misspelt key is refused before anything is done', async () => {
  const config = rig.context({ 'config.json': '{"registrys":{}}' });
  const env = { STAGECRAFT_CONFIG: `${config}/config.json` };
  const { status, stderr } = await rig.run(['build', config], { env });
  expect(status).toBe(2);
  expect(stderr).toContain('unknown key "registrys"');
  expect(stderr).toContain('hint: Did you mean "registries"?');
});
