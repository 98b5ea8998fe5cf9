import type { Platform } from '../core/platform.ts';
import { nearest } from '../core/suggest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import type { ContainerConfig } from '../image/config.ts';
import { lowerStages } from '../ops/lower-stages.ts';
import { planStages } from '../stages/plan-stages.ts';
import { changeInvalid } from './errors.ts';

/** What may change the config of an image without changing its files: those that Docker allows. */
const WORDS: readonly string[] = [
  ...['CMD', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'HEALTHCHECK', 'LABEL', 'ONBUILD', 'STOPSIGNAL'],
  ...['USER', 'VOLUME', 'WORKDIR'],
];
/** More are no command line. */
const MAX_CHANGES = 1000;

/**
 * The config that instructions of a Dockerfile give an image without files, as `import --change` means
 * them. @throws BuildError CHANGE_INVALID
 */
export function configOfChanges(
  changes: readonly string[],
  platform: Platform,
  now: string,
): ContainerConfig {
  if (changes.length > MAX_CHANGES) throw changeInvalid('…', `there are more than ${MAX_CHANGES}`);
  for (const change of changes) {
    const word = /^\s*([A-Za-z]+)\s/.exec(change)?.[1]?.toUpperCase() ?? '';
    if (/[\r\n]/.test(change)) throw changeInvalid(change, 'it has more than one line');
    if (WORDS.includes(word)) continue;
    const meant = nearest(word, WORDS);
    const hint = meant === undefined ? undefined : `Did you mean ${meant}?`;
    throw changeInvalid(change, `only ${WORDS.join(', ')} can be used`, hint);
  }
  let at = '';
  try {
    // One by one first, so that a mistake is shown with its own text.
    for (const change of changes) {
      at = change;
      configOf([change], platform, now);
    }
    return withoutDefaults(configOf(changes, platform, now), configOf([], platform, now), changes);
  } catch (error) {
    if (error instanceof BuildError) throw changeInvalid(at, error.message);
    throw error;
  }
}

/** A build gives every image a PATH and a directory to work in. An import gives it what it is told. */
function withoutDefaults(
  { ArgsEscaped: _, WorkingDir, Env, ...config }: ContainerConfig,
  defaults: ContainerConfig,
  changes: readonly string[],
): ContainerConfig {
  const isGiven = (pattern: RegExp): boolean => changes.some((change) => pattern.test(change));
  const own = isGiven(/^\s*env\s.*\bPATH\b/i)
    ? Env
    : Env?.filter((entry) => defaults.Env?.includes(entry) !== true);
  return {
    ...config,
    ...(own === undefined || own.length === 0 ? {} : { Env: own }),
    ...(isGiven(/^\s*workdir\s/i) ? { WorkingDir } : {}),
  };
}

function configOf(changes: readonly string[], platform: Platform, now: string): ContainerConfig {
  const text = ['FROM scratch', ...changes, ''].join('\n');
  const { ast, diagnostics } = parseDockerfile({ path: '--change', text });
  const request = {
    buildArgs: new Map<string, string>(),
    targetPlatforms: [platform],
    buildPlatform: platform,
  };
  const plan = planStages(ast, request, new Map());
  const fault = [...diagnostics, ...plan.diagnostics].find(({ severity }) => severity === 'error');
  if (fault !== undefined) {
    const { code, message } = fault;
    throw new BuildError({ code, class: 'input', message });
  }
  const [target] = lowerStages(plan, new Map(), { now }).targets;
  return target?.config.config ?? {};
}
