import { expect, test } from 'vitest';
import type { BuildRecord } from '../build/build-log.ts';
import { renderExplanation } from './explain.ts';

const RECORD: BuildRecord = {
  id: '0mx2y1s5u4fc6',
  startedAt: '2024-04-01T00:00:00.000Z',
  durationMs: 2100,
  dockerfile: '/app/Dockerfile',
  target: undefined,
  status: 'done',
  steps: [
    { name: '[internal] load build context', state: 'unneeded' },
    { name: '[a 1/2] COPY . .', state: 'cached' },
    { name: '[a 2/2] RUN make', state: 'ran', durationMs: 2000 },
  ],
  omittedSteps: 0,
  images: [],
};
const NOW = Date.parse('2024-04-01T01:00:00Z');

test('the steps that are counted are those that are shown', () => {
  expect(renderExplanation(RECORD, NOW)).toBe(
    [
      'Build 0mx2y1s5u4fc6 of /app/Dockerfile: done, About an hour ago, took 2.1s',
      '  cached  [a 1/2] COPY . .',
      '  ran     [a 2/2] RUN make  2.0s',
      '2 steps: 1 ran, 1 cached',
      '',
    ].join('\n'),
  );
});

test('what failed, what was not needed and what is not shown is counted, too', () => {
  const failed: BuildRecord = {
    ...RECORD,
    status: 'failed',
    error: { code: 'STEP_FAILED', message: 'Cannot run "make": it ended with status 2' },
    steps: [
      ...RECORD.steps.slice(0, 2),
      { name: '[a 2/2] RUN make', state: 'failed' },
      { name: '[b 1/1] COPY --from=a / /', state: 'unneeded' },
    ],
    omittedSteps: 5,
  };
  expect(renderExplanation(failed, NOW).split('\n').slice(2)).toEqual([
    '  failed  [a 2/2] RUN make',
    '  -       [b 1/1] COPY --from=a / /',
    '  … 5 more steps',
    'error[STEP_FAILED]: Cannot run "make": it ended with status 2',
    '8 steps: 0 ran, 1 cached, 1 failed, 1 not needed, 5 more',
    '',
  ]);
});

test('one step is one step', () => {
  const record: BuildRecord = { ...RECORD, steps: RECORD.steps.slice(1, 2) };
  expect(renderExplanation(record, NOW)).toContain('\n1 step: 0 ran, 1 cached\n');
});
