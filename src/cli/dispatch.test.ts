import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reportFailure } from './exit.ts';
import type { CommandContext } from './command.ts';
import { dispatch } from './dispatch.ts';
import { COMMAND_LIST } from './overview.ts';
import { recordOutput } from './recorded-output.fixture.ts';

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-dispatch-'));
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

async function start(...argv: readonly string[]): Promise<Ended> {
  return startAs(process.getuid?.() ?? 0, argv);
}

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function startAs(uid: number, argv: readonly string[]): Promise<Ended> {
  const stdout = recordOutput();
  const stderr = recordOutput();
  const { signal } = new AbortController();
  const context: CommandContext = {
    env: { STAGECRAFT_ROOT: join(dir, 'store'), HOME: dir },
    cwd: dir,
    uid,
    homeDir: dir,
    arch: 'x64',
    program: ['false'],
    argv,
    stdin: Readable.from([]),
    isStdinTerminal: false,
    stdout,
    stderr,
    signal,
    now: () => 0,
  };
  let status: number;
  try {
    status = await dispatch(argv, context);
  } catch (error) {
    status = reportFailure(error, stderr, signal);
  }
  return { status, stdout: stdout.text, stderr: stderr.text };
}

describe('dispatch()', () => {
  test.each(COMMAND_LIST.filter(({ name }) => name !== 'version'))(
    '$name is a command that explains itself',
    async ({ name, summary }) => {
      const { status, stdout, stderr } = await start(name, '--help');
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(new RegExp(`^Usage: stagecraft ${name}( |\n)`));
      expect(stdout).toContain(summary.slice(0, 12));
    },
  );

  test.each([
    [['buildx', 'build'], 'build'],
    [['bud'], 'build'],
    [['builder', 'build'], 'build'],
    [['image', 'ls'], 'images'],
    [['image', 'rm'], 'rmi'],
    [['image', 'tag'], 'tag'],
    [['container', 'run'], 'run'],
    [['container', 'ls'], 'ps'],
    [['container', 'stop'], 'stop'],
    [['container', 'rm'], 'rm'],
    [['container', 'logs'], 'logs'],
    [['system', 'info'], 'info'],
  ])('%j is %s', async (words, name) => {
    const [long, short] = await Promise.all([start(...words, '--help'), start(name, '--help')]);
    const text = (out: string): string => out.split('\n').slice(1).join('\n');
    expect(text(long.stdout)).toBe(text(short.stdout));
    expect(long.stdout).toMatch(new RegExp(`^Usage: stagecraft ${words.join(' ')}`));
  });

  test('help with a word is the help of that command', async () => {
    expect(await start('help', 'tag')).toEqual(await start('tag', '--help'));
  });

  test.each([
    [
      ['biuld'],
      'error[UNKNOWN_COMMAND]: Cannot run "stagecraft biuld": there is no such command\n  hint: Did you mean "stagecraft build"?\n',
    ],
    [
      ['image', 'sl'],
      'error[UNKNOWN_COMMAND]: Cannot run "stagecraft image sl": there is no such command\n  hint: Did you mean "stagecraft image ls"?\n',
    ],
    [
      ['attach', 'x'],
      'error[COMMAND_UNAVAILABLE]: Cannot run "stagecraft attach": this version does not have Docker\'s command\n  hint: Run "stagecraft --help" for the list\n',
    ],
    [
      ['buildx', 'create', '--use'],
      'error[COMMAND_UNAVAILABLE]: Cannot run "stagecraft buildx create": this version does not have Docker\'s command\n  hint: There are no builders to make or choose: leave this line out\n',
    ],
    [
      ['compose', 'build'],
      'error[COMMAND_UNAVAILABLE]: Cannot run "stagecraft compose": this version does not have Docker\'s command\n  hint: Build the images of its services with: stagecraft build\n',
    ],
    [
      ['build', '--destination=r.example.com/app', '.'],
      'error[UNKNOWN_FLAG]: Cannot read the command line: "stagecraft build" has no flag "--destination"\n  hint: "--destination" is Kaniko\'s; here, write "--tag NAME --push"\n',
    ],
    [
      ['build', '--layers', '.'],
      'error[UNKNOWN_FLAG]: Cannot read the command line: "stagecraft build" has no flag "--layers"\n  hint: "--layers" is another builder\'s; here, leave it out: results are always kept\n',
    ],
    [
      ['toString'],
      'error[UNKNOWN_COMMAND]: Cannot run "stagecraft toString": there is no such command\n  hint: Run "stagecraft --help" for the list\n',
    ],
    [
      ['tag', 'a'],
      'error[ARGUMENT_COUNT]: Cannot run "stagecraft tag": it needs an image and a name, found 1\n  hint: Usage: stagecraft tag IMAGE NAME[:TAG]\n',
    ],
    [
      ['build', '.', '--sbom', 'true'],
      'error[FLAG_UNSUPPORTED]: Cannot use "--sbom": images get no attestations\n',
    ],
    [
      ['logs', '--tail', 'x', 'c'],
      'error[FLAG_VALUE_INVALID]: Cannot use "x" for "--tail": expected a number or "all"\n',
    ],
  ])('%j ends with status 2 and a sentence', async (words, stderr) => {
    expect(await start(...words)).toEqual({ status: 2, stdout: '', stderr });
  });

  test('flags of Docker that ask for nothing we lack are taken', async () => {
    const words = [
      '--provenance=false',
      '--attest=type=provenance,disabled=true',
      '--attest',
      'type=sbom,disabled=true',
      '--push=false',
      '--load',
      '--rm',
      '--squash',
      '--compress',
    ];
    const { stderr } = await start('build', ...words, join(dir, 'none'));
    expect(stderr).toBe(
      `warning: "--squash" has no effect: layers stay as they are\n` +
        `error[CONTEXT_NOT_A_DIRECTORY]: Cannot use "${join(dir, 'none')}" as build context: it does not exist\n`,
    );
  });

  test('images and ps of a new store have headings alone', async () => {
    expect((await start('images')).stdout).toBe(
      'REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n',
    );
    expect((await start('ps', '-a')).stdout).toBe(
      'CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n',
    );
  });

  test('rmi goes on after an image that is not there, and prints each failure', async () => {
    expect(await start('rmi', 'nothing-1', 'nothing-2')).toEqual({
      status: 3,
      stdout: '',
      stderr: ['nothing-1', 'nothing-2']
        .map(
          (name) =>
            `error[IMAGE_NOT_FOUND]: Cannot find image "${name}": there is no such image in the local store\n`,
        )
        .join(''),
    });
    expect((await start('rmi', '--force', 'nothing-1')).status).toBe(0);
  });
});
