import {
  logDirectory,
  readRecord,
  recordIds,
  type BuildRecord,
  type StepRecord,
} from '../build/build-log.ts';
import { readStepLog } from '../build/step-logs.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { defineCommand, oneOf, type Output } from './command.ts';
import { buildNotFound, stepNotFound } from './errors.ts';
import { textFlag } from './flag-table.ts';
import { formatAge, formatSeconds } from './format.ts';
import { commandRoot, ROOT_FLAG } from './open-command-store.ts';
import { renderMiss } from './render-miss.ts';
import { becomeRoot } from './rootless.ts';

const FORMATS = ['text', 'json'] as const;

/** `stagecraft explain`: why each step of a former build ran. */
export const explain = defineCommand({
  usage: '[OPTIONS] [BUILD]',
  summary: 'Show why the steps of a build ran',
  flags: {
    format: textFlag('FORMAT', '"text" or "json"'),
    log: textFlag('STEP', 'Show what a step printed; STEP is its name or a part of it'),
    root: ROOT_FLAG,
  },
  words: { min: 0, max: 1, expected: 'the id of a build, or nothing for the last one' },
  async run({ flags, words: [wanted] }, context) {
    const format = oneOf('--format', flags.format ?? 'text', FORMATS);
    const root = commandRoot(flags.root, context);
    await becomeRoot(context, root);
    const record = findRecord(root, wanted);
    if (flags.log !== undefined) {
      writeLog(root, record, flags.log, context.stdout);
      return 0;
    }
    context.stdout.write(
      format === 'json'
        ? `${JSON.stringify({ ...record, steps: record.steps.map(withReason) }, undefined, 2)}\n`
        : renderExplanation(record, context.now()),
    );
    return 0;
  },
});

/** By id or the beginning of one. @throws BuildError BUILD_NOT_FOUND */
function findRecord(root: string, wanted: string | undefined): BuildRecord {
  const ids = recordIds(root);
  const found = wanted === undefined ? ids.slice(0, 1) : ids.filter((id) => id.startsWith(wanted));
  const [id, other] = found;
  const record = id === undefined || wanted === '' ? undefined : readRecord(root, id);
  if (record === undefined) {
    throw buildNotFound(wanted, ids.length === 0 ? 'no build is known' : 'there is none');
  }
  if (other !== undefined) throw buildNotFound(wanted, `${String(found.length)} ids begin so`);
  return record;
}

/** @throws BuildError STEP_NOT_FOUND */
function writeLog(root: string, record: BuildRecord, wanted: string, out: Output): void {
  const named = record.steps.filter(({ name }) => name.includes(wanted));
  const printed = named.flatMap(({ output }) => output ?? []);
  const [first, other] = printed;
  if (first === undefined || other !== undefined) {
    const found =
      named.length === 0
        ? 'the build has no such step'
        : first === undefined
          ? 'it printed nothing, or did not run'
          : `${String(printed.length)} steps that printed something have names like this`;
    throw stepNotFound(
      wanted,
      found,
      record.steps.filter(({ output }) => output !== undefined).map(({ name }) => name),
    );
  }
  for (const piece of readStepLog(logDirectory(root, record.id), first.op, first.bytes)) {
    out.write(piece);
  }
}

function withReason(step: StepRecord): StepRecord & { readonly reason?: string } {
  return step.because === undefined ? step : { ...step, reason: renderMiss(step.because) };
}

const MARGIN: Readonly<Record<StepRecord['state'], string>> = {
  cached: 'cached',
  ran: 'ran   ',
  failed: 'failed',
  unneeded: '-     ',
};

/** One build as people read it. Ends with a newline. */
export function renderExplanation(record: BuildRecord, now: number): string {
  // Loading the context and the like: nobody wrote them.
  const steps = record.steps.filter(({ name }) => !name.startsWith('[internal]'));
  const age = formatAge(Math.max(0, now - Date.parse(record.startedAt)));
  const target = record.target === undefined ? '' : `, target ${visibleLine(record.target)}`;
  const took = formatSeconds(record.durationMs);
  const lines = [
    `Build ${record.id} of ${visibleLine(record.dockerfile)}${target}: ${record.status}, ${age}, took ${took}`,
    ...steps.flatMap(renderStep),
  ];
  if (record.omittedSteps > 0) lines.push(`  … ${String(record.omittedSteps)} more steps`);
  const { error } = record;
  if (error !== undefined)
    lines.push(`error[${error.code ?? 'internal'}]: ${visibleLine(error.message)}`);
  const count = (state: StepRecord['state']): number =>
    steps.filter((step) => step.state === state).length;
  const rare = [
    ...(count('failed') > 0 ? [`${String(count('failed'))} failed`] : []),
    ...(count('unneeded') > 0 ? [`${String(count('unneeded'))} not needed`] : []),
    ...(record.omittedSteps > 0 ? [`${String(record.omittedSteps)} more`] : []),
  ];
  const usual = [`${String(count('ran'))} ran`, `${String(count('cached'))} cached`];
  const total = steps.length + record.omittedSteps;
  const noun = total === 1 ? 'step' : 'steps';
  lines.push(`${String(total)} ${noun}: ${[...usual, ...rare].join(', ')}`);
  return lines.map((line) => `${line}\n`).join('');
}

function renderStep({ name, state, because, durationMs }: StepRecord): string[] {
  const time = durationMs === undefined ? '' : `  ${formatSeconds(durationMs)}`;
  const line = `  ${MARGIN[state]}  ${visibleLine(name)}${time}`;
  return because === undefined ? [line] : [line, `          ${renderMiss(because)}`];
}
