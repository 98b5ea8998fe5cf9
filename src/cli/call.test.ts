import { describe, expect, test } from 'vitest';
import type { CallHost } from '../build/call-dockerfile.ts';
import type { BuildRequest } from '../build/request.ts';
import { readCall, runCall, type Call, type CallResult } from './call.ts';

const HOST: CallHost = {
  get store(): never {
    throw new TypeError('No test here has a context to keep');
  },
  openRemotes: () => Promise.reject(new TypeError('No test here fetches anything')),
  runtimeDir: '/run',
  cwd: '/',
  arch: 'x64',
  images: {
    local: () => undefined,
    registry: () => Promise.reject(new TypeError('No test here asks a registry')),
    layout: () => Promise.reject(new TypeError('No test here has a layout')),
  },
  emit: () => undefined,
  now: () => 0,
};

function request(lines: readonly string[], changes: Partial<BuildRequest> = {}): BuildRequest {
  return {
    context: { kind: 'empty' },
    dockerfile: { kind: 'text', name: 'Dockerfile', text: lines.join('\n') },
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
    shmBytes: 0,
    jobs: undefined,
    isolation: 'auto',
    sourceDateEpoch: undefined,
    secrets: new Map(),
    ssh: new Map(),
    entitlements: new Set(),
    limits: {},
    ulimits: [],
    stepTimeoutMs: undefined,
    failure: { opensShell: false, exports: [] },
    ...changes,
  };
}

function call(
  flags: { readonly call?: string; readonly check?: boolean },
  lines: readonly string[],
  changes?: Partial<BuildRequest>,
): Promise<CallResult> {
  const asked = readCall({ call: flags.call, check: flags.check });
  if (asked === undefined) throw new TypeError('A build was asked for');
  return runCall(asked, request(lines, changes), HOST, new AbortController().signal);
}

describe('readCall()', () => {
  const check: Call = { method: 'check', isJson: false, ignoresStatus: false };
  test.each([
    [{ check: true, call: undefined }, check],
    [{ check: undefined, call: 'lint' }, check],
    [
      { check: undefined, call: 'check,format=json' },
      { ...check, isJson: true },
    ],
    [
      { check: true, call: 'check,ignorestatus' },
      { ...check, ignoresStatus: true },
    ],
    [{ check: undefined, call: 'build' }, undefined],
    [{ check: false, call: undefined }, undefined],
  ])('reads %j', (flags, expected) => {
    expect(readCall({ check: flags.check, call: flags.call })).toEqual(expected);
  });

  test.each([
    [
      { check: undefined, call: 'outlines' },
      'Cannot use "outlines" for "--call": expected one of "build", "check", "outline", "targets"',
    ],
    [
      { check: undefined, call: 'check,form=json' },
      'Cannot use "check,form=json" for "--call": there is no "form"; there are format and ignorestatus',
    ],
    [{ check: true, call: 'outline' }, 'Cannot use "--check" with "--call": each says what to do'],
  ])('refuses %j', (flags, message) => {
    expect(() => readCall(flags)).toThrow(message);
  });
});

describe('--check', () => {
  test('is satisfied with a file that has no mistake', async () => {
    expect(await call({ check: true }, ['FROM scratch', 'COPY a /'])).toEqual({
      text: 'Check complete, no warnings found.\n',
      status: 0,
      errors: [],
    });
  });

  test('shows each finding with its place, in stages that the target does not need as well', async () => {
    const lines = [
      'FROM scratch AS a',
      'CMD run \\',
      '  this',
      'FROM scratch',
      'COPY $A /',
      'USER me',
    ];
    const { text, status } = await call({ check: true }, lines);
    expect(status).toBe(1);
    expect(text).toBe(
      [
        'Check complete, 2 warnings have been found!',
        '',
        'WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/',
        'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
        'Dockerfile:2',
        '--------------------',
        '   1 |     FROM scratch AS a',
        '   2 | >>> CMD run \\',
        '   3 | >>>   this',
        '   4 |     FROM scratch',
        '--------------------',
        '',
        'WARNING: UndefinedVar - https://docs.docker.com/go/dockerfile/rule/undefined-var/',
        "Usage of undefined variable '$A'",
        'Dockerfile:5',
        '--------------------',
        '   3 |       this',
        '   4 |     FROM scratch',
        '   5 | >>> COPY $A /',
        '   6 |     USER me',
        '--------------------',
        '',
      ].join('\n'),
    );
  });

  test('looks only into the stages of the target when there is one', async () => {
    const lines = ['FROM scratch AS a', 'CMD run', 'FROM scratch AS b'];
    expect((await call({ check: true }, lines, { target: 'b' })).status).toBe(0);
    expect((await call({ check: true }, lines, { target: 'a' })).status).toBe(1);
  });

  test('exits with 0 in spite of findings when asked to', async () => {
    const found = await call({ call: 'check,ignorestatus' }, ['FROM scratch AS A']);
    expect(found.status).toBe(0);
    expect(found.text).toContain('Check complete, 1 warning has been found!\n');
  });

  test('has the JSON of BuildKit', async () => {
    const { text } = await call({ call: 'check,format=json' }, ['FROM scratch AS A']);
    expect(JSON.parse(text)).toEqual({
      warnings: [
        {
          ruleName: 'StageNameCasing',
          description: 'Stage names should be lowercase',
          url: 'https://docs.docker.com/go/dockerfile/rule/stage-name-casing/',
          detail: "Stage name 'A' should be lowercase",
          location: { ranges: [{ start: { line: 1 }, end: { line: 1 } }] },
        },
      ],
      sources: [
        { filename: 'Dockerfile', data: 'RlJPTSBzY3JhdGNoIEFTIEE=', language: 'Dockerfile' },
      ],
    });
  });

  test('has a range for each line of an instruction, and null for no warnings', async () => {
    const lines = ['FROM scratch', 'CMD a \\', '', '  b'];
    const found = await call({ call: 'check,format=json' }, lines);
    const line = (n: number): object => ({ start: { line: n }, end: { line: n } });
    expect(JSON.parse(found.text)).toMatchObject({
      warnings: [
        { ruleName: 'JSONArgsRecommended', location: { ranges: [line(2), line(3), line(4)] } },
        { ruleName: 'NoEmptyContinuation', location: { ranges: [line(4)] } },
      ],
    });
    const clean = await call({ call: 'check,format=json' }, ['FROM scratch']);
    expect(JSON.parse(clean.text)).toMatchObject({ warnings: null });
  });

  test('tells why a file cannot be built, next to what the checks find', async () => {
    const lines = ['FROM scratch AS A', 'COPY --from=1 /a /b', 'FROM scratch'];
    const { text, status, errors } = await call({ call: 'check,format=json' }, lines);
    expect(status).toBe(1);
    expect(errors).toHaveLength(1);
    expect(JSON.parse(text)).toMatchObject({
      warnings: [{ ruleName: 'StageNameCasing' }],
      buildError: { location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] } },
    });
  });

  test.each([
    'COPY --chmod=64a a b',
    'COPY https://example.com/x /',
    'ADD --checksum=sha256:1 a b',
  ])('finds the mistake in %s, which only making the ops shows', async (line) => {
    const { errors } = await call({ call: 'check,ignorestatus' }, ['FROM scratch', line]);
    expect(errors.map(({ span }) => span?.start)).toEqual([13]);
    await expect(call({ call: 'outline' }, ['FROM scratch', line])).rejects.toThrow('Cannot');
  });

  test('fails with the broken rules when the file asks for it', async () => {
    const lines = ['# check=error=true', 'FROM scratch AS A'];
    const { text, errors } = await call({ call: 'check,format=json' }, lines);
    expect(errors.map(({ message }) => message)).toEqual([
      'Cannot build: lint violation found for rules: StageNameCasing',
    ]);
    expect(JSON.parse(text)).toMatchObject({ buildError: { location: {} } });
  });

  test('looks into the triggers of a base, and tells of the FROM that brings them', async () => {
    const lines = [
      'FROM scratch AS a',
      'ONBUILD CMD run $me',
      'ONBUILD COPY $nowhere /',
      'ONBUILD ENV MY_TOKEN 1',
      'FROM a',
      'CMD mine',
    ];
    const { text } = await call({ call: 'check,format=json' }, lines);
    const { warnings } = JSON.parse(text) as {
      warnings: { ruleName: string; location: { ranges: { start: { line: number } }[] } }[];
    };
    const found = warnings.map(({ ruleName, location }) => [
      ruleName,
      location.ranges[0]?.start.line,
    ]);
    expect(found).toEqual([
      ['UndefinedVar', 5],
      ['JSONArgsRecommended', 5],
      ['MultipleInstructionsDisallowed', 5],
      ['LegacyKeyValueFormat', 5],
      ['SecretsUsedInArgOrEnv', 5],
      ['JSONArgsRecommended', 6],
    ]);
  });
});

const PARAMETERS = [
  '# BASE is what all stands on',
  'ARG BASE=scratch',
  'ARG UNUSED=1',
  'FROM $BASE AS build',
  '# VERSION to build',
  'ARG VERSION=2',
  'ARG BARE',
  'RUN --mount=type=secret,id=token,required=true --mount=type=ssh true',
  '# app is what ships',
  'FROM scratch AS app',
  'ARG TARGETARCH',
  'COPY --from=build /a /a',
];

describe('--call=outline', () => {
  test('lists what the target and the stages that it needs can be given', async () => {
    const buildArgs = new Map([['VERSION', '3']]);
    const { text, status } = await call({ call: 'outline' }, PARAMETERS, { buildArgs });
    expect(status).toBe(0);
    expect(text).toBe(
      [
        'TARGET:      app',
        'DESCRIPTION: is what ships',
        '',
        'BUILD ARG   VALUE     DESCRIPTION',
        'BASE        scratch   is what all stands on',
        'VERSION     3         to build',
        'BARE',
        '',
        'SECRET   REQUIRED',
        'token    true',
        '',
        'SSH       REQUIRED',
        'default',
        '',
        '',
      ].join('\n'),
    );
  });

  test('has the JSON of BuildKit', async () => {
    const { text } = await call({ call: 'outline,format=json' }, [
      'ARG A=1',
      'FROM scratch',
      'ARG A',
    ]);
    expect(JSON.parse(text)).toEqual({
      args: [
        { name: 'A', value: '1', location: { ranges: [{ start: { line: 1 }, end: { line: 1 } }] } },
      ],
      sources: [Buffer.from('ARG A=1\nFROM scratch\nARG A').toString('base64')],
    });
  });
});

describe('--call=outline, of arguments with one name', () => {
  test('tells of the last in a stage, and of the target before its base', async () => {
    const lines = ['FROM scratch AS a', 'ARG X=1', 'FROM a', 'ARG X=2', 'ARG X=3', 'ARG Y'];
    const { text } = await call({ call: 'outline' }, lines);
    expect(text).toBe('BUILD ARG   VALUE   DESCRIPTION\nX           3\nY\n\n');
  });

  test('leaves out what FROM looks at and nothing sets', async () => {
    const { text } = await call({ call: 'outline' }, ['ARG SUFFIX', 'FROM scratch$SUFFIX']);
    expect(text).toBe('');
  });
});

describe('--call=targets', () => {
  test('lists the stages with their descriptions', async () => {
    expect(await call({ call: 'targets' }, PARAMETERS)).toEqual({
      text: 'TARGET        DESCRIPTION\nbuild\napp (default) is what ships\n',
      status: 0,
      errors: [],
    });
  });

  test('has the JSON of BuildKit', async () => {
    const lines = ['FROM --platform=$BUILDPLATFORM alpine', 'FROM alpine AS app'];
    const { text } = await call({ call: 'targets,format=json' }, lines);
    expect(JSON.parse(text)).toEqual({
      targets: [
        {
          base: 'alpine',
          platform: '$BUILDPLATFORM',
          location: { ranges: [{ start: { line: 1 }, end: { line: 1 } }] },
        },
        {
          name: 'app',
          default: true,
          base: 'alpine',
          location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] },
        },
      ],
      sources: [Buffer.from(lines.join('\n')).toString('base64')],
    });
  });
});
