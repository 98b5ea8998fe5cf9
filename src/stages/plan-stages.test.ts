import { describe, expect, test } from 'vitest';
import { dockerfile, fakeBaseImage, planRequest, planWithBases } from '../testing/base-images.ts';
import { errorOf } from '../testing/build-errors.ts';
import { planStages } from './plan-stages.ts';
import type { NamedContext, PlanRequest } from './plan-request.ts';
import type { BaseKey, PlannedStage, StageGraph } from './stage-graph.ts';

function plan(lines: readonly string[], changes: Partial<PlanRequest> = {}): StageGraph {
  return planWithBases(dockerfile(...lines), planRequest(changes)).plan;
}

function stagesOf(graph: StageGraph): readonly PlannedStage[] {
  const [target] = graph.targets;
  if (target === undefined) throw new Error('The plan has no target');
  return target.stages;
}

/** The variables that the last step of the last stage sees. */
function lastVariables(
  lines: readonly string[],
  changes: Partial<PlanRequest> = {},
): Record<string, string> {
  const step = stagesOf(plan(lines, changes)).at(-1)?.steps.at(-1);
  const variables = step?.kind === 'workdir' ? step.variables : [];
  return Object.fromEntries([...variables].filter(([name]) => name !== 'PATH'));
}

describe('planStages() plans only what the target needs', () => {
  const lines = [
    'FROM alpine AS base',
    'FROM base AS test',
    'FROM busybox AS tools',
    'FROM base AS release',
    'COPY --from=tools /bin/x /x',
    'FROM debian',
  ];
  test.each<[string | undefined, readonly number[]]>([
    [undefined, [4]],
    ['', [4]],
    ['base', [0]],
    ['TEST', [0, 1]],
    ['release', [0, 2, 3]],
    ['1', [0, 1]],
  ])('target %s needs stages %j', (target, expected) => {
    expect(stagesOf(plan(lines, { target })).map(({ index }) => index)).toEqual(expected);
  });

  test('and asks only for the images of those', () => {
    const { missing } = planStages(
      dockerfile(...lines),
      planRequest({ target: 'release' }),
      new Map(),
    );
    expect(missing.map(({ reference, why }) => `${why} ${reference}`)).toEqual([
      'base docker.io/library/alpine:latest',
      'base docker.io/library/busybox:latest',
    ]);
  });
});

describe('planStages() lists what is missing', () => {
  test('with key, platform, the word to blame and the nearest stage', () => {
    const ast = dockerfile('FROM scratch AS builder', 'FROM scratch', 'COPY --from=biulder /a /b');
    const { missing, targets } = planStages(ast, planRequest(), new Map());
    expect(missing).toEqual([
      {
        key: 'docker.io/library/biulder:latest linux/amd64',
        reference: 'docker.io/library/biulder:latest',
        layout: undefined,
        platform: { os: 'linux', architecture: 'amd64' },
        span: { file: ast.source, start: 49, end: 56 },
        why: 'copy',
        similar: 'builder',
      },
    ]);
    expect(targets[0]?.stages).toEqual([]);
  });

  test('each image once, for each platform apart', () => {
    const { missing } = planStages(
      dockerfile(
        'FROM --platform=$BUILDPLATFORM go',
        'FROM alpine',
        'COPY --from=0 / /',
        'COPY --from=alpine:latest / /',
      ),
      planRequest({
        targetPlatforms: [
          { os: 'linux', architecture: 'amd64' },
          { os: 'linux', architecture: 'arm64' },
        ],
      }),
      new Map(),
    );
    expect(missing.map(({ key }) => key)).toEqual([
      'docker.io/library/go:latest linux/amd64',
      'docker.io/library/alpine:latest linux/amd64',
      'docker.io/library/alpine:latest linux/arm64',
    ]);
  });

  test('images that a trigger of a base names, once the base is known', () => {
    const ast = dockerfile('FROM framework');
    const request = planRequest();
    const [wanted] = planStages(ast, request, new Map()).missing;
    if (wanted === undefined) throw new Error('The base is not missing');
    const base = fakeBaseImage(wanted, { config: { OnBuild: ['COPY --from=extra /x /y'] } });
    const images = new Map<BaseKey, typeof base>([[wanted.key, base]]);
    expect(planStages(ast, request, images).missing.map(({ reference }) => reference)).toEqual([
      'docker.io/library/extra:latest',
    ]);
  });
});

describe('names stand for', () => {
  function sourceOf(from: string, changes: Partial<PlanRequest> = {}): unknown {
    const lines = [
      'FROM alpine AS one',
      'FROM alpine AS two',
      'FROM scratch',
      `COPY --from=${from} /a /b`,
    ];
    const step = stagesOf(plan(lines, changes)).at(-1)?.steps[0];
    return step?.kind === 'copy' ? step.from : undefined;
  }
  const contexts = new Map<string, NamedContext>([
    ['one', { type: 'local', path: 'dir' }],
    ['alpine', { type: 'local', path: 'elsewhere' }],
    ['docker.io/library/busybox:latest', { type: 'http', url: 'https://example.com/x' }],
    ['exact::linux/amd64', { type: 'local', path: 'amd64' }],
    ['exact', { type: 'local', path: 'any' }],
    ['empty', { type: 'image', reference: 'scratch' }],
    ['again', { type: 'stage', name: 'Two' }],
  ]);
  test.each<[string, unknown]>([
    ['0', { kind: 'stage', index: 0, name: 'one' }],
    ['+1', { kind: 'stage', index: 1, name: 'two' }],
    ['TWO', { kind: 'stage', index: 1, name: 'two' }],
    ['scratch', { kind: 'scratch' }],
    ['busybox:1', { kind: 'image', reference: 'docker.io/library/busybox:1' }],
    ['quay.io/a/b', { kind: 'image', reference: 'quay.io/a/b:latest' }],
  ])('--from=%s without contexts', (from, expected) => {
    expect(sourceOf(from)).toMatchObject(expected as object);
  });
  test.each<[string, unknown]>([
    ['two', { kind: 'stage', index: 1 }],
    ['alpine:latest', { kind: 'named', name: 'alpine' }],
    ['busybox', { kind: 'named', name: 'docker.io/library/busybox:latest' }],
    ['exact', { kind: 'named', name: 'exact::linux/amd64' }],
    ['empty', { kind: 'scratch' }],
    ['again', { kind: 'stage', index: 1 }],
  ])('--from=%s with contexts', (from, expected) => {
    expect(sourceOf(from, { namedContexts: contexts })).toMatchObject(expected as object);
  });

  test('a context takes the place of a stage of its name, steps and all', () => {
    const graph = plan(['FROM nothing AS one', 'RUN never', 'FROM one'], {
      namedContexts: contexts,
    });
    expect(stagesOf(graph).map(({ base, steps }) => [base.kind, steps.length])).toEqual([
      ['named', 0],
      ['stage', 0],
    ]);
  });

  test('FROM takes the nearest stage above of several with one name', () => {
    const graph = plan(['FROM alpine AS x', 'FROM x AS y', 'FROM busybox AS x', 'FROM x']);
    expect(stagesOf(graph).at(-1)?.base).toEqual({ kind: 'stage', index: 2, name: 'x' });
  });

  test('FROM compares stage names as they are written, so that an image of another case is not one', () => {
    expect(errorOf(() => plan(['FROM alpine AS build', 'FROM Build'])).message).toBe(
      'Cannot begin a stage from "Build": no stage has this name, and it is not a valid image name',
    );
  });

  test('a number in from= of a mount is no index', () => {
    const ast = dockerfile('FROM alpine', 'FROM alpine', 'RUN --mount=from=0,target=/x true');
    const { missing } = planStages(ast, planRequest(), new Map());
    expect(missing.map(({ reference }) => reference)).toContain('docker.io/library/0:latest');
  });
});

describe('variables', () => {
  const build = new Map([['A', 'built']]);
  test.each<[string, readonly string[], Record<string, string>]>([
    ['the default of ARG', ['FROM scratch', 'ARG A=x', 'WORKDIR /'], { A: 'x' }],
    ['ARG after ENV wins', ['FROM scratch', 'ENV A=env', 'ARG A=arg', 'WORKDIR /'], { A: 'arg' }],
    ['ENV after ARG wins', ['FROM scratch', 'ARG A=arg', 'ENV A=env', 'WORKDIR /'], { A: 'env' }],
    [
      'a bare ARG takes the global value',
      ['ARG A=g', 'FROM scratch', 'ARG A', 'WORKDIR /'],
      { A: 'g' },
    ],
    [
      'a default hides the global value',
      ['ARG A=g', 'FROM scratch', 'ARG A=x', 'WORKDIR /'],
      { A: 'x' },
    ],
    ['a global ARG alone is not seen', ['ARG A=g', 'FROM scratch', 'WORKDIR /'], {}],
    [
      'ENV sees what was before it',
      ['FROM scratch', 'ENV A=1', 'ENV A=2 B=$A', 'WORKDIR /'],
      { A: '2', B: '1' },
    ],
    [
      'ARG sees ARG before it on its line',
      ['FROM scratch', 'ARG A=1 B=${A}2', 'WORKDIR /'],
      { A: '1', B: '12' },
    ],
    [
      'FROM stage takes over ARG and ENV',
      ['FROM scratch AS s', 'ARG A=1', 'ENV B=2', 'FROM s', 'WORKDIR /'],
      { A: '1', B: '2' },
    ],
    [
      'ENV of the stage below goes before an ARG after it',
      ['FROM scratch AS s', 'ENV A=env', 'ARG A=arg', 'FROM s', 'WORKDIR /'],
      { A: 'env' },
    ],
    [
      'other stages do not',
      ['FROM scratch AS s', 'ARG A=1', 'FROM scratch', 'COPY --from=s / /', 'WORKDIR /'],
      {},
    ],
    ['ARG without value sets nothing', ['FROM scratch', 'ARG A', 'WORKDIR /'], {}],
    ['an empty default is set', ['FROM scratch', 'ARG A=', 'WORKDIR /'], { A: '' }],
  ])('%s', (_claim, lines, expected) => {
    expect(lastVariables(lines)).toEqual(expected);
  });

  test.each<[string, readonly string[], Record<string, string>]>([
    ['goes before a default', ['FROM scratch', 'ARG A=x', 'WORKDIR /'], { A: 'built' }],
    [
      'goes before a global default',
      ['ARG A=g', 'FROM scratch', 'ARG A', 'WORKDIR /'],
      { A: 'built' },
    ],
    ['is not seen without ARG', ['FROM scratch', 'WORKDIR /'], {}],
    [
      'goes before ENV when ARG comes later',
      ['FROM scratch', 'ENV A=e', 'ARG A', 'WORKDIR /'],
      { A: 'built' },
    ],
  ])('--build-arg %s', (_claim, lines, expected) => {
    expect(lastVariables(lines, { buildArgs: build })).toEqual(expected);
  });

  test('the predefined arguments need ARG and have the values of the platforms', () => {
    const names = ['PLATFORM', 'OS', 'ARCH', 'VARIANT'];
    const args = ['BUILD', 'TARGET'].flatMap((side) => names.map((name) => side + name));
    const variables = lastVariables(
      ['FROM scratch AS last', `ARG ${args.join(' ')} TARGETSTAGE`, 'WORKDIR /'],
      { targetPlatforms: [{ os: 'linux', architecture: 'arm', variant: 'v7' }] },
    );
    expect(variables).toEqual({
      BUILDPLATFORM: 'linux/amd64',
      BUILDOS: 'linux',
      BUILDARCH: 'amd64',
      BUILDVARIANT: '',
      TARGETPLATFORM: 'linux/arm/v7',
      TARGETOS: 'linux',
      TARGETARCH: 'arm',
      TARGETVARIANT: 'v7',
      TARGETSTAGE: 'last',
    });
  });

  test('a base image sets its own, and PATH is always there', () => {
    const { plan: graph } = planWithBases(dockerfile('FROM a', 'WORKDIR /'), planRequest(), {
      'docker.io/library/a:latest': { config: { Env: ['X=a=b', 'EMPTY='] } },
    });
    const step = stagesOf(graph)[0]?.steps[0];
    expect(step?.kind === 'workdir' ? [...step.variables] : []).toEqual([
      ['X', 'a=b'],
      ['EMPTY', ''],
      ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ]);
  });
});

describe('planStages() warns of', () => {
  function warnings(lines: readonly string[], changes: Partial<PlanRequest> = {}): string[] {
    return plan(lines, changes).diagnostics.map(
      ({ code, message, hint }) => `${code}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
    );
  }
  test.each<[string, readonly string[], readonly string[]]>([
    [
      'a variable that is not set',
      ['FROM scratch', 'ENV APPDIR=/x', 'COPY a $APPDRI'],
      ["UndefinedVar: Usage of undefined variable '$APPDRI' (did you mean $APPDIR?)"],
    ],
    ['none that an ARG declares', ['FROM scratch', 'ARG X', 'COPY a /$X'], []],
    ['none in a command', ['FROM scratch', 'RUN echo $X', 'CMD echo $Y'], []],
    [
      'one variable once for one instruction',
      ['FROM scratch', 'COPY $X $X /$X'],
      ["UndefinedVar: Usage of undefined variable '$X'"],
    ],
    [
      'an argument that FROM does not see',
      ['ARG BASE=alpine', 'FROM ${BSAE:-alpine}'],
      ["UndefinedArgInFrom: FROM argument 'BSAE' is not declared (did you mean BASE?)"],
    ],
    ['none that is declared without value', ['ARG TAG', 'FROM alpine:${TAG:-1}'], []],
  ])('%s', (_claim, lines, expected) => {
    expect(warnings(lines)).toEqual(expected);
  });

  test('one finding only, however many platforms are built', () => {
    const targetPlatforms = ['amd64', 'arm64'].map((architecture) => ({
      os: 'linux',
      architecture,
    }));
    expect(warnings(['FROM scratch', 'USER $U'], { targetPlatforms })).toHaveLength(1);
  });

  test('a base image of another platform', () => {
    const { plan: graph } = planWithBases(dockerfile('FROM a'), planRequest(), {
      'docker.io/library/a:latest': { platform: { os: 'linux', architecture: 'arm64' } },
    });
    expect(graph.diagnostics.map(({ message }) => message)).toEqual([
      'Base image a was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
    ]);
  });
});

describe('the epoch comes from', () => {
  test.each<[string, readonly string[], Partial<PlanRequest>, number | undefined]>([
    ['nowhere', ['FROM scratch'], {}, undefined],
    ['the request', ['FROM scratch'], { sourceDateEpoch: 5 }, 5],
    ['a global ARG', ['ARG SOURCE_DATE_EPOCH=7', 'FROM scratch'], {}, 7],
    [
      'the request before a global ARG',
      ['ARG SOURCE_DATE_EPOCH=7', 'FROM scratch'],
      { sourceDateEpoch: 5 },
      5,
    ],
    [
      'a build argument before both',
      ['ARG SOURCE_DATE_EPOCH=7', 'FROM scratch'],
      { sourceDateEpoch: 5, buildArgs: new Map([['SOURCE_DATE_EPOCH', '9']]) },
      9,
    ],
    [
      'nowhere when the argument is empty',
      ['FROM scratch'],
      { buildArgs: new Map([['SOURCE_DATE_EPOCH', '']]) },
      undefined,
    ],
  ])('%s', (_where, lines, changes, expected) => {
    expect(plan(lines, changes).sourceDateEpoch).toBe(expected);
  });

  const remote = (url: string, checksum = '') => ({
    ...{ kind: 'remote', url, checksum },
    span: expect.anything() as unknown,
  });
  test.each<[string, readonly string[], Partial<PlanRequest>, unknown]>([
    [
      'context',
      ['FROM scratch'],
      { buildArgs: new Map([['SOURCE_DATE_EPOCH', 'context']]) },
      { name: 'context', place: { kind: 'context' } },
    ],
    [
      'a global ARG that names a stage, with its variables',
      [
        ...['ARG SOURCE_DATE_EPOCH=Src', 'ARG HOST=a.example', 'FROM scratch AS src'],
        ...['ARG HOST', 'ARG V=1', 'ARG SUM=abc', 'ADD --checksum=$SUM https://$HOST/$V /'],
        'FROM scratch',
      ],
      { buildArgs: new Map([['V', '2']]) },
      { name: 'Src', place: remote('https://a.example/2', 'abc') },
    ],
    [
      'a named context before a stage',
      ['FROM scratch AS src', 'FROM scratch'],
      {
        buildArgs: new Map([['SOURCE_DATE_EPOCH', 'src']]),
        namedContexts: new Map([['src', { type: 'git', url: 'https://a.example/b.git' }]]),
      },
      {
        name: 'src',
        place: { ...remote('https://a.example/b.git'), span: undefined },
      },
    ],
    [
      'a named context that is a stage',
      ['FROM scratch AS src', 'ADD git@a.example:b.git /', 'FROM scratch'],
      {
        buildArgs: new Map([['SOURCE_DATE_EPOCH', 'files']]),
        namedContexts: new Map([['files', { type: 'stage', name: 'src' }]]),
      },
      { name: 'files', place: remote('git@a.example:b.git') },
    ],
    [
      'a named context that is a directory',
      ['FROM scratch'],
      {
        buildArgs: new Map([['SOURCE_DATE_EPOCH', 'files']]),
        namedContexts: new Map([['files', { type: 'local', path: '.' }]]),
      },
      { name: 'files', place: { kind: 'timeless' } },
    ],
  ])('something that is to be asked: %s', (_where, lines, changes, expected) => {
    const { sourceDateEpoch, epochSource } = plan(lines, changes);
    expect(sourceDateEpoch).toBeUndefined();
    expect(epochSource).toEqual(expected);
  });

  test('the request is seen by ARG as a build argument is', () => {
    expect(
      lastVariables(['FROM scratch', 'ARG SOURCE_DATE_EPOCH', 'WORKDIR /'], { sourceDateEpoch: 5 }),
    ).toEqual({ SOURCE_DATE_EPOCH: '5' });
  });
});
