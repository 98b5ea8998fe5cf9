import { describe, expect, test } from 'vitest';
import { renderError } from '../diagnostics/render.ts';
import { dockerfile, planRequest, planWithBases } from '../testing/base-images.ts';
import { errorOf, textsOf } from '../testing/build-errors.ts';
import type { PlanRequest } from './plan-request.ts';

function plan(lines: readonly string[], changes: Partial<PlanRequest> = {}): unknown {
  return planWithBases(dockerfile(...lines), planRequest(changes)).plan;
}

/** The request that has this epoch, and what is said of it. */
function badEpoch(value: string, found: string): [Partial<PlanRequest>, readonly string[]] {
  const message = `Cannot use SOURCE_DATE_EPOCH "${value}": ${found}`;
  const hint = 'Give a number, for example the one that "git log -1 --format=%ct" prints';
  const request = { buildArgs: new Map([['SOURCE_DATE_EPOCH', value]]) };
  return [request, ['SOURCE_DATE_EPOCH_INVALID', message, hint]];
}

describe('planStages() refuses', () => {
  const two = ['FROM alpine AS builder', 'FROM alpine AS final'];
  test.each<[string, readonly string[], Partial<PlanRequest>, readonly string[]]>([
    [
      'a target that is no stage',
      two,
      { target: 'biulder' },
      [
        'TARGET_NOT_FOUND',
        'Cannot build target "biulder": the Dockerfile has no stage of this name',
        'Did you mean "builder"?',
      ],
    ],
    [
      'a target that is like none',
      two,
      { target: 'zzz' },
      [
        'TARGET_NOT_FOUND',
        'Cannot build target "zzz": the Dockerfile has no stage of this name',
        'Stages: "builder", "final"',
      ],
    ],
    [
      'an index that is too high',
      [...two, 'COPY --from=2 / /'],
      {},
      [
        'STAGE_INDEX_INVALID',
        'Cannot copy from stage 2: the stages of this Dockerfile are 0 to 1',
        '',
      ],
    ],
    [
      'a negative index',
      [...two, 'COPY --from=-1 / /'],
      {},
      [
        'STAGE_INDEX_INVALID',
        'Cannot copy from stage -1: the stages of this Dockerfile are 0 to 1',
        '',
      ],
    ],
    [
      'a stage that copies from itself',
      [...two, 'COPY --from=final / /'],
      {},
      ['STAGE_CYCLE', 'Cannot build stage "final": it needs itself', ''],
    ],
    [
      'stages that wait for each other',
      [
        'FROM scratch AS a',
        'COPY --from=b / /',
        'FROM scratch AS b',
        'COPY --from=c / /',
        'FROM scratch AS c',
        'COPY --from=a / /',
      ],
      {},
      ['STAGE_CYCLE', 'Cannot build stage "a": it needs "b", which needs "c", which needs "a"', ''],
    ],
    [
      'a cycle that the target does not need',
      ['FROM scratch AS a', 'COPY --from=0 / /', 'FROM scratch'],
      {},
      ['STAGE_CYCLE', 'Cannot build stage "a": it needs itself', ''],
    ],
    [
      'a stage further down',
      ['FROM scratch AS a', 'COPY --from=b / /', 'FROM scratch AS b', 'FROM a'],
      {},
      [
        'STAGE_NOT_BUILT_YET',
        'Cannot copy from "b": the stage begins after this instruction',
        'Move the stage "b" above this one',
      ],
    ],
    [
      'a mount from a stage further down',
      ['FROM scratch AS a', 'RUN --mount=from=b,target=/x true', 'FROM scratch AS b', 'FROM a'],
      {},
      [
        'STAGE_NOT_BUILT_YET',
        'Cannot mount from "b": the stage begins after this instruction',
        'Move the stage "b" above this one',
      ],
    ],
    [
      'a repeated name of which the last is meant',
      [
        'FROM scratch AS x',
        'FROM scratch AS y',
        'COPY --from=x / /',
        'FROM scratch AS x',
        'FROM y',
      ],
      {},
      [
        'STAGE_NOT_BUILT_YET',
        'Cannot copy from "x": the last stage of this name begins after this instruction',
        'Give each stage a name of its own',
      ],
    ],
    [
      'FROM of nothing',
      ['FROM $BASE'],
      {},
      [
        'BASE_NAME_EMPTY',
        'Cannot begin a stage from "$BASE": it expands to an empty name',
        'Declare "ARG BASE=…" before the first FROM, or give --build-arg BASE=…',
      ],
    ],
    [
      'a name that nothing can have',
      [...two, 'COPY --from=Final! / /'],
      {},
      [
        'IMAGE_NAME_INVALID',
        'Cannot copy from "Final!": no stage has this name, and it is not a valid image name',
        'Did you mean "final"?',
      ],
    ],
    [
      'a name with a misspelt variable in it',
      ['ARG VERSION=1', 'FROM alpine:$VERSON'],
      {},
      [
        'IMAGE_NAME_INVALID',
        'Cannot begin a stage from "alpine:": no stage has this name, and it is not a valid image name',
        '"$VERSON" is not declared. Did you mean "$VERSION"?',
      ],
    ],
    [
      'a name with a variable in it that has no value',
      ['ARG SUFFIX', 'FROM alpine:$SUFFIX'],
      {},
      [
        'IMAGE_NAME_INVALID',
        'Cannot begin a stage from "alpine:": no stage has this name, and it is not a valid image name',
        'Declare "ARG SUFFIX=…" before the first FROM, or give --build-arg SUFFIX=…',
      ],
    ],
    [
      'an image in capitals',
      ['FROM Debian'],
      {},
      [
        'IMAGE_NAME_INVALID',
        'Cannot begin a stage from "Debian": no stage has this name, and it is not a valid image name',
        'Names of images are lower case',
      ],
    ],
    [
      'a platform that is none',
      ['FROM --platform=linux/a/b/c alpine'],
      {},
      [
        'PLATFORM_INVALID',
        'Cannot use platform "linux/a/b/c": it is not of the form os/arch or os/arch/variant',
        'Write for example linux/amd64 or linux/arm/v7',
      ],
    ],
    [
      'a platform that is empty',
      ['FROM --platform=$P alpine'],
      {},
      ['PLATFORM_INVALID', 'Cannot use platform "$P": it expands to nothing', ''],
    ],
    [
      'a word that cannot be expanded',
      ['FROM scratch', 'USER ${X:?not given}'],
      {},
      ['EXPANSION_FAILED', 'Cannot expand "${X:?not given}": X: not given', ''],
    ],
    [
      'an epoch that is no number and no name',
      ['FROM scratch'],
      ...badEpoch(
        'yesterday',
        'it is neither a whole number of seconds since 1970 nor "context" nor the name of a stage or named context',
      ),
    ],
    [
      'an epoch beyond the year 9999',
      ['FROM scratch'],
      ...badEpoch('253402300800', 'it is after the year 9999 or as far before 1970'),
    ],
    [
      'an epoch of a stage on an image',
      ['FROM alpine AS src', 'ADD https://a.example/b /', 'FROM scratch'],
      ...badEpoch('src', 'that stage does not begin with FROM scratch'),
    ],
    [
      'an epoch of a stage that fetches nothing',
      ['FROM scratch AS src', 'FROM scratch'],
      ...badEpoch('src', 'that stage does more or less than ADD one URL or repository'),
    ],
    [
      'an epoch of a stage that fetches twice',
      [
        'FROM scratch AS src',
        'ADD https://a.example/b /',
        'ADD https://a.example/b /',
        'FROM scratch',
      ],
      ...badEpoch('src', 'that stage does more or less than ADD one URL or repository'),
    ],
    [
      'an epoch of a stage that fetches two things at once',
      ['FROM scratch AS src', 'ADD https://a.example/b https://a.example/b /', 'FROM scratch'],
      ...badEpoch('src', 'that stage does more or less than ADD one URL or repository'),
    ],
    [
      'an epoch of a stage that adds files of the context',
      ['FROM scratch AS src', 'ADD a /', 'FROM scratch'],
      ...badEpoch('src', 'that stage does more or less than ADD one URL or repository'),
    ],
    [
      'an epoch of a stage that does something else too',
      ['FROM scratch AS src', 'ADD https://a.example/b /', 'ENV A=b', 'FROM scratch'],
      ...badEpoch('src', 'that stage does more or less than ADD one URL or repository'),
    ],
    [
      'a context that leads to the stage it replaces',
      ['FROM alpine AS x', 'FROM x'],
      { namedContexts: new Map([['x', { type: 'stage', name: 'x' }]]) },
      ['STAGE_CYCLE', 'Cannot build stage "x": it needs itself', ''],
    ],
    [
      'a context that leads to a stage further down',
      ['FROM alpine AS x', 'FROM alpine AS y', 'FROM x'],
      { namedContexts: new Map([['x', { type: 'stage', name: 'y' }]]) },
      [
        'STAGE_NOT_BUILT_YET',
        'Cannot begin a stage from "y": the stage begins after this instruction',
        'Move the stage "y" above this one',
      ],
    ],
    [
      'a context that leads to no stage',
      ['FROM x'],
      { namedContexts: new Map([['x', { type: 'stage', name: 'y' }]]) },
      [
        'NAMED_CONTEXT_INVALID',
        'Cannot use build context "x=target:y": the Dockerfile has no stage "y"',
        '',
      ],
    ],
  ])('%s', (_what, lines, changes, expected) => {
    expect(textsOf(errorOf(() => plan(lines, changes)))).toEqual(expected);
  });

  test('a trigger that is no instruction, and blames the FROM that brings it in', () => {
    const ast = dockerfile('FROM framework');
    const error = errorOf(() =>
      planWithBases(ast, planRequest(), {
        'docker.io/library/framework:latest': { config: { OnBuild: ['BOGUS x'] } },
      }),
    );
    expect(error.code).toBe('ONBUILD_TRIGGER_INVALID');
    expect(error.span).toMatchObject({ start: 0, end: 14 });
  });

  test('and points at the word', () => {
    const error = errorOf(() => plan([...two, 'COPY --from=7 /a /b']));
    expect(renderError(error)).toContain('COPY --from=7 /a /b');
    expect(error.span?.file.text.slice(error.span.start, error.span.end)).toBe('7');
  });
});
