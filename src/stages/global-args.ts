import { formatPlatform, type Platform } from '../core/platform.ts';
import type { ArgInstruction } from '../dockerfile/ast.ts';
import type { Expander } from './expander.ts';
import type { Variables } from './planned-step.ts';

/** What the predefined arguments are made of. */
export interface PlatformArgs {
  readonly build: Platform;
  readonly target: Platform;
  /** `--target`, or the name of the last stage. */
  readonly stage: string | undefined;
}

/**
 * The values that FROM sees and that a bare `ARG name` in a stage takes over: the predefined
 * platform arguments, then the ARGs before the first FROM in order. `--build-arg` goes before both.
 */
export function globalArgs(
  platforms: PlatformArgs,
  instructions: readonly ArgInstruction[],
  buildArgs: ReadonlyMap<string, string>,
  expander: Expander,
): Variables {
  const values = new Map<string, string>();
  for (const [name, value] of predefined(platforms)) values.set(name, buildArgs.get(name) ?? value);
  for (const { key, value: word } of instructions.flatMap((instruction) => instruction.args)) {
    const value =
      buildArgs.get(key.raw) ?? (word === undefined ? undefined : expander.word(word, values).text);
    if (value !== undefined) values.set(key.raw, value);
  }
  return values;
}

/** In the order and with the values of BuildKit (`dockerfile2llb/platform.go`). */
function predefined({ build, target, stage }: PlatformArgs): [string, string][] {
  return [
    ['BUILDPLATFORM', formatPlatform(build)],
    ['BUILDOS', build.os],
    ['BUILDOSVERSION', build.osVersion ?? ''],
    ['BUILDARCH', build.architecture],
    ['BUILDVARIANT', build.variant ?? ''],
    ['TARGETPLATFORM', formatPlatform(target)],
    ['TARGETOS', target.os],
    ['TARGETOSVERSION', target.osVersion ?? ''],
    ['TARGETARCH', target.architecture],
    ['TARGETVARIANT', target.variant ?? ''],
    ['TARGETSTAGE', stage ?? 'default'],
  ];
}

const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'];

/**
 * Proxy settings among the build arguments, as steps get them: without ARG, in both spellings that
 * programs look for. Of two spellings given, the one later in code unit order counts, as in BuildKit.
 */
export function proxyEnvironment(buildArgs: ReadonlyMap<string, string>): readonly string[] {
  const given = [...buildArgs.keys()].sort();
  return PROXY_NAMES.flatMap((name) => {
    const key = given.findLast((other) => other.toUpperCase() === name);
    const value = key === undefined ? undefined : buildArgs.get(key);
    if (value === undefined || value === '') return [];
    return [`${name}=${value}`, `${name.toLowerCase()}=${value}`];
  });
}
