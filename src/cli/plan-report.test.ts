import { expect, test } from 'vitest';
import type { ImagePlan } from '../build/plan-image.ts';
import { planJson, renderPlan } from './plan-report.ts';

const CHANGE = { part: 'copy files', before: 'a', after: 'b' };
const PLAN: ImagePlan = {
  stages: [
    {
      title: 'build',
      baseName: 'docker.io/library/alpine:3.18',
      platform: 'linux/amd64',
      isTarget: false,
      steps: [
        { name: '[build 1/4] FROM alpine', reads: [], fate: { kind: 'cached' } },
        {
          name: '[build 2/4] COPY a /a',
          reads: ['/a from the build context'],
          fate: { kind: 'runs', because: { kind: 'changed', changes: [CHANGE] } },
        },
        {
          name: '[build 3/4] RUN make',
          reads: [],
          fate: { kind: 'follows', step: '[build 2/4] COPY a /a' },
        },
      ],
    },
    {
      title: '1',
      baseName: 'scratch',
      platform: 'linux/amd64',
      isTarget: true,
      steps: [
        {
          name: '[stage-1 1/1] COPY --from=build /a /a',
          reads: ['/a from stage "build"'],
          fate: { kind: 'depends', steps: ['[build 3/4] RUN make'] },
        },
      ],
    },
  ],
  unneeded: ['docs', 'test'],
};

test('renderPlan() tells of each step what becomes of it, what it reads and why', () => {
  expect(renderPlan(PLAN)).toBe(
    [
      'build (from docker.io/library/alpine:3.18, linux/amd64)',
      '  cached   [build 1/4] FROM alpine',
      '  runs     [build 2/4] COPY a /a',
      '           reads /a from the build context',
      '           not cached: copy files: "a" → "b"',
      '  runs     [build 3/4] RUN make',
      '           stands on [build 2/4] COPY a /a, which runs',
      '',
      '1 (from scratch, linux/amd64, target)',
      '  may run  [stage-1 1/1] COPY --from=build /a /a',
      '           reads /a from stage "build"',
      '           depends on [build 3/4] RUN make: cached when that makes the same files',
      '',
      'Not needed: docs, test',
      '',
      '4 steps: 2 would run, 1 may run, 1 cached, 0 not needed',
      '',
    ].join('\n'),
  );
});

test('planJson() has the same as values', () => {
  expect(planJson(PLAN)).toMatchObject({
    stages: [
      {
        stage: 'build',
        target: false,
        steps: [
          { state: 'cached', reads: [] },
          { state: 'runs', changes: ['copy files'], reason: 'not cached: copy files: "a" → "b"' },
          { state: 'runs', reason: 'stands on [build 2/4] COPY a /a, which runs' },
        ],
      },
      { stage: '1', base: 'scratch', target: true, steps: [{ state: 'unknown' }] },
    ],
    unneeded: ['docs', 'test'],
  });
});
