import type { ImagePlan, PlannedImageStage, StepFate } from '../build/plan-image.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { renderMiss } from './render-miss.ts';

/** Words in the margin, so that the eye finds what would run. */
const MARGIN: Readonly<Record<StepFate['kind'], string>> = {
  cached: 'cached ',
  runs: 'runs   ',
  follows: 'runs   ',
  depends: 'may run',
  unneeded: '-      ',
};

/** The plan as people read it. Ends with a newline. */
export function renderPlan({ stages, unneeded }: ImagePlan): string {
  const told = stages.map(renderStage);
  const skipped =
    unneeded.length === 0 ? [] : [`Not needed: ${unneeded.map(visibleLine).join(', ')}\n`];
  return [...told, ...skipped, `${summary(stages)}\n`].join('\n');
}

/** The plan as JSON, for programs. Field names stay as they are from version to version. */
export function planJson({ stages, unneeded }: ImagePlan): object {
  return {
    stages: stages.map(({ title, baseName, platform, isTarget, steps }) => ({
      stage: title,
      base: baseName,
      platform,
      target: isTarget,
      steps: steps.map(({ name, reads, fate }) => ({
        step: name,
        reads,
        state: STATES[fate.kind],
        ...(reasonOf(fate) === undefined ? {} : { reason: reasonOf(fate) }),
        ...(fate.kind === 'runs' && fate.because.kind === 'changed'
          ? {
              changes: fate.because.changes.map(({ part }) => part),
              details: fate.because.changes,
            }
          : {}),
      })),
    })),
    unneeded,
  };
}

const STATES: Readonly<Record<StepFate['kind'], string>> = {
  cached: 'cached',
  runs: 'runs',
  follows: 'runs',
  depends: 'unknown',
  unneeded: 'unneeded',
};

function renderStage({ title, baseName, platform, isTarget, steps }: PlannedImageStage): string {
  const target = isTarget ? ', target' : '';
  const head = `${visibleLine(title)} (from ${visibleLine(baseName)}, ${platform}${target})`;
  const lines = steps.flatMap(({ name, reads, fate }) => {
    const reason = reasonOf(fate);
    return [
      `  ${MARGIN[fate.kind]}  ${visibleLine(name)}`,
      ...reads.map((read) => `           reads ${visibleLine(read)}`),
      ...(reason === undefined ? [] : [`           ${reason}`]),
    ];
  });
  return `${[head, ...lines].join('\n')}\n`;
}

function reasonOf(fate: StepFate): string | undefined {
  switch (fate.kind) {
    case 'cached':
      return undefined;
    case 'runs':
      return renderMiss(fate.because);
    case 'follows':
      return `stands on ${visibleLine(fate.step)}, which runs`;
    case 'depends':
      return `depends on ${fate.steps.map(visibleLine).join(', ')}: cached when that makes the same files`;
    case 'unneeded':
      return 'not needed: what reads it is cached';
    default:
      return fate satisfies never;
  }
}

function summary(stages: readonly PlannedImageStage[]): string {
  const kinds = stages.flatMap(({ steps }) => steps.map(({ fate }) => fate.kind));
  const count = (...wanted: readonly StepFate['kind'][]): number =>
    kinds.filter((kind) => wanted.includes(kind)).length;
  const parts = [
    `${String(count('runs', 'follows'))} would run`,
    `${String(count('depends'))} may run`,
    `${String(count('cached'))} cached`,
    `${String(count('unneeded'))} not needed`,
  ];
  return `${String(kinds.length)} steps: ${parts.join(', ')}`;
}
