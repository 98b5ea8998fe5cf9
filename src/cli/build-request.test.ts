import { describe, expect, test } from 'vitest';
import type { BuildRequest } from '../build/request.ts';
import { renderError } from '../diagnostics/render.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { parseArgv } from './argv.ts';
import { BUILD_FLAGS } from './build-flags.ts';
import { readBuildRequest } from './build-request.ts';

const ENV = { FROM_ENV: 'outside', TOKEN: 's3cret', SSH_AUTH_SOCK: '/run/agent' };

async function request(
  line: readonly string[],
  env: Readonly<Record<string, string>> = ENV,
): Promise<BuildRequest> {
  const { flags, positionals } = parseArgv(BUILD_FLAGS, line, {
    command: 'stagecraft build',
    allowsFlagsAfterWords: true,
  });
  return readBuildRequest(
    flags,
    positionals[0] ?? '.',
    { registries: {}, caCerts: [], requiresIsolatedNetwork: false, jobs: 3 },
    {
      env,
      cwd: '/work',
      arch: 'x64',
      homeDir: '/nowhere',
      readStdin: () => Promise.resolve({ kind: 'text', text: 'FROM scratch\n' } as const),
    },
  );
}

async function failure(line: readonly string[]): Promise<string> {
  try {
    await request(line);
  } catch (error) {
    if (error instanceof BuildError) return renderError(error);
    throw error;
  }
  throw new Error('the command line was accepted');
}

describe('readBuildRequest() reads', () => {
  test('DOCKER_DEFAULT_PLATFORM where no platform is named', async () => {
    const env = { DOCKER_DEFAULT_PLATFORM: 'linux/arm64' };
    const arm = { os: 'linux', architecture: 'arm64' };
    expect((await request(['.'], env)).platforms).toMatchObject([arm]);
    const named = await request(['--platform', 'linux/amd64', '.'], env);
    expect(named.platforms).toMatchObject([{ architecture: 'amd64' }]);
  });

  test('caches, but for empty names', async () => {
    const { cacheFrom, cacheTo } = await request([
      ...['--cache-from', '', '--cache-from', 'r/c', '--cache-to', '', '.'],
    ]);
    expect([cacheFrom, cacheTo]).toEqual([['r/c'], []]);
  });

  test('nothing but a context as the defaults of Docker', async () => {
    expect(await request(['ctx'])).toEqual({
      context: { kind: 'directory', path: 'ctx' },
      dockerfile: { kind: 'file', path: undefined },
      target: undefined,
      buildArgs: new Map(),
      labels: new Map(),
      platforms: [],
      noCache: false,
      namedContexts: new Map(),
      tags: [],
      outputs: [],
      annotations: [],
      cacheFrom: [],
      cacheTo: [],
      isVerified: false,
      pull: false,
      network: 'default',
      requiresIsolatedNetwork: false,
      addHosts: [],
      shmBytes: 64 * 1024 * 1024,
      jobs: 3,
      isolation: 'auto',
      sourceDateEpoch: undefined,
      secrets: new Map(),
      ssh: new Map(),
      entitlements: new Set(),
      limits: { pids: 4096 },
      ulimits: [],
      stepTimeoutMs: undefined,
      failure: { opensShell: false, exports: [] },
    });
  });

  test.each<[string, readonly string[], Partial<BuildRequest>]>([
    [
      'build arguments, from the environment where they have no value',
      ['--build-arg', 'A=1=2', '--build-arg', 'FROM_ENV', '--build-arg', 'ABSENT'],
      {
        buildArgs: new Map([
          ['A', '1=2'],
          ['FROM_ENV', 'outside'],
        ]),
      },
    ],
    [
      'labels with and without a value',
      ['--label', 'a=b', '--label', 'c'],
      {
        labels: new Map([
          ['a', 'b'],
          ['c', ''],
        ]),
      },
    ],
    [
      'platforms between commas and in several flags, each once',
      ['--platform', 'linux/arm64,linux/amd64', '--platform', 'linux/arm64'],
      {
        platforms: [
          { os: 'linux', architecture: 'arm64' },
          { os: 'linux', architecture: 'amd64' },
        ],
      },
    ],
    ['--no-cache over --no-cache-filter', ['--no-cache', '--no-cache-filter=a'], { noCache: true }],
    [
      'stages that are not cached',
      ['--no-cache-filter', 'a,b', '--no-cache-filter', 'c'],
      { noCache: ['a', 'b', 'c'] },
    ],
    [
      'hosts in all of their forms',
      ['--add-host', 'a:1.2.3.4', '--add-host', 'b=[::1]', '--add-host', 'c:::2,1.1.1.1'],
      {
        addHosts: [
          { host: 'a', address: '1.2.3.4' },
          { host: 'b', address: '::1' },
          { host: 'c', address: '::2' },
          { host: 'c', address: '1.1.1.1' },
        ],
      },
    ],
    ['a size', ['--shm-size', '1.5g'], { shmBytes: 1.5 * 1024 ** 3 }],
    ['jobs over those of the configuration', ['--jobs', '2'], { jobs: 2 }],
    ["Docker's word for the usual isolation", ['--isolation', 'default'], { isolation: 'auto' }],
    ['an empty target as none', ['--target='], { target: undefined }],
    [
      'secrets of files and of the environment',
      [
        ...['--secret', 'id=a,src=key.pem', '--secret', 'id=b,env=TOKEN'],
        ...['--secret', 'id=TOKEN', '--secret', 'id=file'],
      ],
      {
        secrets: new Map([
          ['a', { kind: 'file' as const, path: '/work/key.pem' }],
          ['b', { kind: 'value' as const, bytes: Buffer.from('s3cret') }],
          ['TOKEN', { kind: 'value' as const, bytes: Buffer.from('s3cret') }],
          ['file', { kind: 'file' as const, path: '/work/file' }],
        ]),
      },
    ],
    [
      'SSH agents and keys',
      ['--ssh', 'default', '--ssh', 'a=sock', '--ssh', 'b=/k1,k2'],
      {
        ssh: new Map([
          ['default', ['/run/agent']],
          ['a', ['/work/sock']],
          ['b', ['/k1', '/work/k2']],
        ]),
      },
    ],
    [
      'what is allowed',
      [
        '--allow',
        'security.insecure',
        '--allow',
        'network.host',
        '--allow',
        'device=a/b=c,alias=d',
      ],
      { entitlements: new Set(['security.insecure', 'network.host', 'device=a/b=c,alias=d']) },
    ],
    [
      'what to do when a step fails',
      ['--on-error=shell', '--export-on-error', 'dest=out', '--export-on-error', 'path=/a,dest=b'],
      {
        failure: {
          opensShell: true,
          exports: [
            { dest: 'out', path: undefined },
            { dest: 'b', path: '/a' },
          ],
        },
      },
    ],
    [
      'a Dockerfile on standard input, without files',
      ['-'],
      {
        context: { kind: 'empty' },
        dockerfile: { kind: 'text', name: '<stdin>', text: 'FROM scratch\n' },
      },
    ],
    [
      'a Dockerfile on standard input, with files',
      ['-f', '-', 'ctx'],
      {
        context: { kind: 'directory', path: 'ctx' },
        dockerfile: { kind: 'text', name: '<stdin>', text: 'FROM scratch\n' },
      },
    ],
  ])('%s', async (_, line, expected) => {
    expect(await request(line)).toMatchObject(expected);
  });

  test('--source-date-epoch goes before both, and may be a name', async () => {
    const env = { SOURCE_DATE_EPOCH: '5' };
    const words = ['--build-arg', 'SOURCE_DATE_EPOCH=6', '--source-date-epoch', 'context', '.'];
    expect((await request(words, env)).buildArgs.get('SOURCE_DATE_EPOCH')).toBe('context');
    await expect(request(['--source-date-epoch', '-1', '.'])).rejects.toMatchObject({
      message:
        'Cannot use "-1" for "--source-date-epoch": expected seconds since 1970, or "context"',
    });
  });

  test('SOURCE_DATE_EPOCH of the environment, unless a build argument says otherwise', async () => {
    const env = { SOURCE_DATE_EPOCH: '5' };
    const implied = await request(['.'], env);
    const said = await request(['--build-arg', 'SOURCE_DATE_EPOCH=6', '.'], env);
    expect([implied, said].map(({ buildArgs }) => buildArgs.get('SOURCE_DATE_EPOCH'))).toEqual([
      '5',
      '6',
    ]);
  });
});

describe('readBuildRequest() refuses', () => {
  test.each<[readonly string[], string]>([
    [['--build-arg', '=x'], 'Cannot use "=x" for "--build-arg": expected NAME=value'],
    [['--build-context', 'x'], 'Cannot use "x" for "--build-context": expected NAME=value'],
    [
      ['--platform', 'linux/amd64/v1/x'],
      'Cannot use "linux/amd64/v1/x" for "--platform": expected os/architecture, as in "linux/arm64"',
    ],
    [['--platform', 'a,,b'], 'Cannot use "a,,b" for "--platform": it has an empty part'],
    [['--add-host', 'a'], 'Cannot use "a" for "--add-host": expected NAME:ADDRESS'],
    [
      ['--add-host', 'a:host-gateway'],
      'Cannot use "a:host-gateway" for "--add-host": "host-gateway" is not an IP address\n  hint: With --network=host, this machine is 127.0.0.1; steps with a network of their own do not reach it',
    ],
    [['--shm-size', '0'], 'Cannot use "0" for "--shm-size": expected a size such as "64m"'],
    [['--jobs', '-1'], 'Cannot use "-1" for "--jobs": expected a whole number from 1 to 1024'],
    [
      ['--network', 'bridge2'],
      'Cannot use "bridge2" for "--network": expected one of "default", "none", "host"',
    ],
    [['--secret', 'src=x'], 'Cannot use "src=x" for "--secret": "id" is missing'],
    [
      ['--secret', 'id=x,env=NOPE'],
      'Cannot use "id=x,env=NOPE" for "--secret": the environment has no variable "NOPE"',
    ],
    [['--secret', 'id=x,srk=y'], 'Cannot use "id=x,srk=y" for "--secret": unknown key "srk"'],
    [['--on-error', 'x'], 'Cannot use "x" for "--on-error": expected one of "fail", "shell"'],
    [
      ['--export-on-error', 'path=/x'],
      'Cannot use "path=/x" for "--export-on-error": "dest" is missing',
    ],
    [
      ['--export-on-error', 'dest=x,to=y'],
      'Cannot use "dest=x,to=y" for "--export-on-error": unknown key "to"',
    ],
    [['--ssh', '=k'], 'Cannot use "=k" for "--ssh": expected default or ID[=SOCKET|KEY]'],
    [
      ['--allow', 'devices'],
      'Cannot use "devices" for "--allow": expected network.host, security.insecure, device or device=NAME',
    ],
  ])('%j', async (line, message) => {
    expect(await failure([...line, '.'])).toBe(`error[FLAG_VALUE_INVALID]: ${message}`);
  });

  test('an SSH agent that is not there', async () => {
    await expect(request(['--ssh', 'default', '.'], {})).rejects.toThrow(
      'Cannot use "default" for "--ssh": the environment has no variable "SSH_AUTH_SOCK"',
    );
  });

  test('a file for what is the Dockerfile itself', async () => {
    expect(await failure(['-f', 'x', '-'])).toBe(
      'error[FLAG_CONFLICT]: Cannot read the Dockerfile twice: it is "x", and standard input holds no archive',
    );
  });

  test('standard input for two things', async () => {
    expect(await failure(['-f', '-', '-'])).toBe(
      'error[FLAG_CONFLICT]: Cannot read standard input twice: it is the Dockerfile and the build context',
    );
  });
});
