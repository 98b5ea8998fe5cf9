import type { CommandForm } from '../dockerfile/ast.ts';
import type { Healthcheck } from '../image/config.ts';
import type { PlannedStep } from '../stages/planned-step.ts';
import { volumeEmpty } from './errors.ts';
import { exposedPorts } from './exposed-ports.ts';
import { goDuration, goList, goQuotedList } from './go-format.ts';
import type { ImageDraft } from './image-draft.ts';
import { joinWorkdir } from './image-path.ts';
import { checkStopSignal } from './stop-signal.ts';

/** Instructions that change the config of the image. WORKDIR makes a directory besides. */
export type SettingStep = Exclude<PlannedStep, { readonly kind: 'run' | 'copy' | 'add' }>;

const DEFAULT_SHELL = ['/bin/sh', '-c'];

/**
 * Applies one instruction to the config. Returns the text of its history entry, worded as BuildKit
 * does (`dockerfile2llb/convert.go`, the dispatch functions); undefined when it leaves none.
 */
export function applySetting(step: SettingStep, draft: ImageDraft): string | undefined {
  switch (step.kind) {
    case 'env':
      for (const [name, value] of step.assignments) draft.env.set(name, `${name}=${value}`);
      return ['ENV', ...pairs(step.assignments)].join(' ');
    case 'label':
      for (const [name, value] of step.labels) draft.labels.set(name, value);
      return ['LABEL', ...pairs(step.labels)].join(' ');
    case 'arg':
      return ['ARG', ...step.args.map(argText)].join(' ');
    case 'expose': {
      const ports = step.ports.flatMap((port) => exposedPorts(port, step.span));
      for (const port of ports) draft.ports.add(port);
      return `EXPOSE ${goList(ports)}`;
    }
    case 'user':
      draft.user = step.user;
      return `USER ${step.user}`;
    case 'workdir':
      draft.workdir = joinWorkdir(draft.workdir, step.path);
      return `WORKDIR ${draft.workdir}`;
    case 'volume':
      if (step.paths.includes('')) throw volumeEmpty(step.span);
      for (const path of step.paths) draft.volumes.add(path);
      return `VOLUME ${goList(step.paths)}`;
    case 'stopsignal':
      checkStopSignal(step.signal, step.span);
      draft.stopSignal = step.signal;
      return `STOPSIGNAL ${step.signal}`;
    case 'maintainer':
      draft.author = step.name;
      return `MAINTAINER ${step.name}`;
    case 'onbuild':
      draft.onbuild.push(step.trigger);
      return undefined;
    case 'healthcheck':
      draft.healthcheck = healthcheckOf(step.check);
      return `HEALTHCHECK ${healthcheckText(draft.healthcheck)}`;
    case 'shell':
      draft.shell = step.argv;
      return `SHELL ${goList(step.argv)}`;
    case 'cmd':
      draft.cmd = commandLine(step.command, draft);
      draft.argsEscaped = true;
      draft.isCmdSet = true;
      return `CMD ${goQuotedList(draft.cmd)}`;
    case 'entrypoint':
      draft.entrypoint = commandLine(step.command, draft);
      if (!draft.isCmdSet) draft.cmd = [];
      return `ENTRYPOINT ${goQuotedList(draft.entrypoint)}`;
    default:
      return step satisfies never;
  }
}

/** The arguments to start: the shell form goes to the shell of the image. */
export function commandLine(
  command: CommandForm,
  { shell }: Pick<ImageDraft, 'shell'>,
): readonly string[] {
  if (command.form === 'exec') return command.argv;
  return [...(shell.length > 0 ? shell : DEFAULT_SHELL), command.command];
}

function healthcheckOf(
  check: (PlannedStep & { readonly kind: 'healthcheck' })['check'],
): Healthcheck {
  if (check.type === 'none') return { Test: ['NONE'] };
  const { command } = check;
  return {
    Test: command.form === 'exec' ? ['CMD', ...command.argv] : ['CMD-SHELL', command.command],
    ...nonZero('Interval', check.interval),
    ...nonZero('Timeout', check.timeout),
    ...nonZero('StartPeriod', check.startPeriod),
    ...nonZero('StartInterval', check.startInterval),
    ...nonZero('Retries', check.retries),
  };
}

/** Go's `%+v` of the struct, zero values included. */
function healthcheckText(check: Healthcheck): string {
  const duration = (value: number | undefined): string => goDuration(value ?? 0);
  return (
    `{Test:${goList(check.Test ?? [])} Interval:${duration(check.Interval)} ` +
    `Timeout:${duration(check.Timeout)} StartPeriod:${duration(check.StartPeriod)} ` +
    `StartInterval:${duration(check.StartInterval)} Retries:${check.Retries ?? 0}}`
  );
}

function nonZero(name: keyof Healthcheck, value: number | undefined): Healthcheck {
  return value === undefined || value === 0 ? {} : { [name]: value };
}

function pairs(assignments: readonly (readonly [string, string])[]): string[] {
  return assignments.map(([name, value]) => `${name}=${value}`);
}

function argText({ name, value }: { name: string; value: string | undefined }): string {
  return value === undefined ? name : `${name}=${value}`;
}
