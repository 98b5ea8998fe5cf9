import type { RunStep, StepContext, Variables } from '../stages/planned-step.ts';
import { commandLine } from './apply-settings.ts';
import { cleanPath, documentPath } from './image-path.ts';
import { lowerMounts } from './lower-mounts.ts';
import type { ExecOp, Mount } from './op.ts';
import {
  addDocument,
  addHistory,
  filesOf,
  nameStep,
  type StageScope,
  type StageWork,
} from './stage-work.ts';

/**
 * Lowers RUN. A heredoc that starts with `#!` becomes a file on a read-only mount, which the shell
 * starts: as in BuildKit, so that the history is the same and the file is in no layer.
 */
export function lowerRun(step: StepContext & RunStep, work: StageWork, scope: StageScope): void {
  const { draft, stage } = work;
  const { run, proxyEnv } = scope.target;
  const script = step.script && documentPath(step.script.name);
  const command =
    script === undefined
      ? step.command
      : ({ form: 'shell', command: `${SCRIPT_DIRECTORY}${script}` } as const);
  const args = commandLine(command, draft);
  const op: ExecOp = {
    kind: 'exec',
    root: work.root,
    args,
    env: environment(step.variables, scope.sourceDateEpoch),
    proxyEnv,
    cwd: cleanPath(draft.workdir),
    user: draft.user,
    mounts: mountsOf(step, work, scope),
    network: step.network === 'default' ? run.network : step.network,
    security: step.security,
    platform: stage.platform,
    ...(step.devices.length === 0 ? {} : { devices: step.devices }),
    ...(run.extraHosts.length === 0 ? {} : { extraHosts: run.extraHosts }),
  };
  const id = scope.builder.add(op, {
    ...nameStep(step, work, scope),
    buildArgs: step.buildArgs.map(([name]) => name),
  });
  work.root = id;
  work.ops.push(id);
  addHistory(work, historyText(step, args), id, scope);
}

const SCRIPT_DIRECTORY = '/dev/pipes';

function mountsOf(step: RunStep, { draft }: StageWork, scope: StageScope): Mount[] {
  const { shmBytes, cacheMountNamespace } = scope.target.run;
  const mounts = lowerMounts(step, {
    cwd: cleanPath(draft.workdir),
    files: (source) => filesOf(source, scope),
    cacheMountNamespace,
  });
  if (step.script !== undefined) {
    const { name, content } = step.script;
    const file = { path: documentPath(name), content, mode: '0755' };
    const from = addDocument(scope.builder, file);
    const target = SCRIPT_DIRECTORY;
    mounts.unshift({ type: 'bind', from, source: '/', target, isReadonly: true });
  }
  if (shmBytes !== undefined) {
    mounts.push({ type: 'tmpfs', target: '/dev/shm', sizeBytes: shmBytes });
  }
  return mounts;
}

/** Steps see the epoch also without ARG, so that what they write can be reproduced. */
function environment(variables: Variables, epoch: number | undefined): string[] {
  const env = [...variables].map(([name, value]) => `${name}=${value}`);
  if (epoch !== undefined && !variables.has('SOURCE_DATE_EPOCH')) {
    env.push(`SOURCE_DATE_EPOCH=${epoch}`);
  }
  return env;
}

function historyText({ buildArgs }: RunStep, args: readonly string[]): string {
  const shown = buildArgs.map(([name, value]) => `${name}=${value}`);
  const count = shown.length === 0 ? [] : [`|${shown.length}`];
  return ['RUN', ...count, ...shown, ...args, '# buildkit'].join(' ');
}
