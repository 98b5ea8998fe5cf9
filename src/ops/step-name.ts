import { formatPlatform, parsePlatform, type Platform } from '../core/platform.ts';
import type { PlannedStage } from '../stages/stage-graph.ts';
import type { Variables } from '../stages/planned-step.ts';

/** What stands in front of a step: `[builder 2/5] `, with the platform when there are several. */
export function stepName(
  stage: PlannedStage,
  step: {
    /** From 1. */
    readonly number: number;
    readonly title: string;
    readonly isOnbuild: boolean;
    readonly variables: Variables;
  },
  options: { readonly showsPlatform: boolean },
): string {
  if (stage.stepCount === 0) return step.title;
  const platform = options.showsPlatform
    ? `${formatPlatform(stage.platform)}${crossTarget(stage.platform, step.variables)} `
    : '';
  const label = stage.label === '' ? '' : `${stage.label} `;
  const total = String(stage.stepCount);
  const number = String(step.number).padStart(total.length);
  const onbuild = step.isOnbuild ? 'ONBUILD ' : '';
  return `[${platform}${label}${number}/${total}] ${onbuild}${step.title}`;
}

/** `->arm64` where a stage declares that it builds for another platform than its own. */
function crossTarget(own: Platform, variables: Variables): string {
  const target = declaredTarget(own, variables);
  if (target === undefined) return '';
  if (target.os !== own.os) return `->${formatPlatform(target)}`;
  if (target.architecture === own.architecture) return '';
  const variant = target.variant === undefined ? '' : `/${target.variant}`;
  return `->${target.architecture}${variant}`;
}

function declaredTarget(own: Platform, variables: Variables): Platform | undefined {
  const whole = variables.get('TARGETPLATFORM');
  const os = variables.get('TARGETOS');
  const architecture = variables.get('TARGETARCH');
  const variant = variables.get('TARGETVARIANT');
  if (whole !== undefined && whole !== '') return parsePlatform(whole, own);
  if ((os ?? architecture ?? variant) === undefined) return undefined;
  const parts = [nonEmpty(os) ?? own.os, nonEmpty(architecture) ?? own.architecture];
  const last = nonEmpty(variant);
  return parsePlatform([...parts, ...(last === undefined ? [] : [last])].join('/'), own);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
