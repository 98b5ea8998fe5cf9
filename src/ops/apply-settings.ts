import type { CommandForm } from '../dockerfile/ast.ts';
import type { ContainerConfig, Healthcheck } from '../image/config.ts';
import type { PlannedStep } from '../stages/planned-step.ts';
import { volumeEmpty } from './errors.ts';
import { exposedPorts } from './exposed-ports.ts';
import { goDuration, goList, goQuotedList } from './go-format.ts';
import { setVariable, type ImageDraft } from './image-draft.ts';
import { joinWorkdir } from './image-path.ts';
import { checkStopSignal } from './stop-signal.ts';

/** Instructions that change the config of the image and no file. */
export type SettingStep = Exclude<PlannedStep, { readonly kind: 'run' | 'copy' | 'add' }>;

/** The draft after a step, and the text of its history entry; undefined when it leaves none. */
export interface Setting {
  readonly draft: ImageDraft;
  readonly createdBy: string | undefined;
}

const DEFAULT_SHELL = ['/bin/sh', '-c'];

/**
 * Applies one instruction to the config, and words its history entry as BuildKit does
 * (`dockerfile2llb/convert.go`, the dispatch functions).
 */
export function applySetting(step: SettingStep, draft: ImageDraft): Setting {
  const { config } = draft;
  const set = (changes: Partial<ContainerConfig>, createdBy: string): Setting => ({
    draft: { ...draft, config: { ...config, ...changes } },
    createdBy,
  });
  switch (step.kind) {
    case 'env': {
      const Env = step.assignments.reduce(
        (env, [name, value]) => setVariable(env, name, value),
        config.Env ?? [],
      );
      return set({ Env }, ['ENV', ...pairs(step.assignments)].join(' '));
    }
    case 'label': {
      const Labels = { ...config.Labels, ...Object.fromEntries(step.labels) };
      return set({ Labels }, ['LABEL', ...pairs(step.labels)].join(' '));
    }
    case 'arg': {
      const texts = step.args.map(({ name, value }) =>
        value === undefined ? name : `${name}=${value}`,
      );
      return { draft, createdBy: `ARG ${texts.join(' ')}` };
    }
    case 'expose': {
      const ports = step.ports.flatMap((port) => exposedPorts(port, step.span));
      const ExposedPorts = { ...config.ExposedPorts, ...emptyObjects(ports) };
      return set({ ExposedPorts }, `EXPOSE ${goList(ports)}`);
    }
    case 'user':
      return set({ User: step.user }, `USER ${step.user}`);
    case 'workdir': {
      const WorkingDir = joinWorkdir(config.WorkingDir ?? '', step.path);
      return set({ WorkingDir }, `WORKDIR ${WorkingDir}`);
    }
    case 'volume': {
      if (step.paths.includes('')) throw volumeEmpty(step.span);
      const Volumes = { ...config.Volumes, ...emptyObjects(step.paths) };
      return set({ Volumes }, `VOLUME ${goList(step.paths)}`);
    }
    case 'stopsignal':
      checkStopSignal(step.signal, step.span);
      return set({ StopSignal: step.signal }, `STOPSIGNAL ${step.signal}`);
    case 'maintainer':
      return { draft: { ...draft, author: step.name }, createdBy: `MAINTAINER ${step.name}` };
    case 'onbuild': {
      const OnBuild = [...(config.OnBuild ?? []), step.trigger];
      return { draft: { ...draft, config: { ...config, OnBuild } }, createdBy: undefined };
    }
    case 'healthcheck': {
      const check = healthcheckOf(step.check);
      return set({ Healthcheck: check.stored }, `HEALTHCHECK ${check.text}`);
    }
    case 'shell':
      return set({ Shell: step.argv }, `SHELL ${goList(step.argv)}`);
    case 'cmd': {
      const Cmd = commandLine(step.command, draft);
      const after = set({ Cmd, ArgsEscaped: true }, `CMD ${goQuotedList(Cmd)}`);
      return { ...after, draft: { ...after.draft, isCmdSet: true } };
    }
    case 'entrypoint': {
      const Entrypoint = commandLine(step.command, draft);
      const Cmd = draft.isCmdSet ? config.Cmd : undefined;
      return set({ Entrypoint, Cmd }, `ENTRYPOINT ${goQuotedList(Entrypoint)}`);
    }
    default:
      return step satisfies never;
  }
}

/** The arguments to start: the shell form goes to the shell of the image. */
export function commandLine(command: CommandForm, { config }: ImageDraft): readonly string[] {
  if (command.form === 'exec') return command.argv;
  const shell = config.Shell ?? [];
  return [...(shell.length > 0 ? shell : DEFAULT_SHELL), command.command];
}

function healthcheckOf(check: (PlannedStep & { readonly kind: 'healthcheck' })['check']): {
  readonly stored: Healthcheck;
  readonly text: string;
} {
  if (check.type === 'none') {
    return { stored: { Test: ['NONE'] }, text: healthcheckText({ Test: ['NONE'] }) };
  }
  const { command } = check;
  const stored: Healthcheck = {
    Test: command.form === 'exec' ? ['CMD', ...command.argv] : ['CMD-SHELL', command.command],
    ...nonZero('Interval', check.interval),
    ...nonZero('Timeout', check.timeout),
    ...nonZero('StartPeriod', check.startPeriod),
    ...nonZero('StartInterval', check.startInterval),
    ...nonZero('Retries', check.retries),
  };
  return { stored, text: healthcheckText(stored) };
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

function emptyObjects(names: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
