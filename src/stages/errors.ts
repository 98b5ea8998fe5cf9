import { BuildError } from '../diagnostics/build-error.ts';
import type { Span } from '../diagnostics/source.ts';

/** `--target` names no stage. */
export function targetNotFound(
  name: string,
  similar: string | undefined,
  names: readonly string[],
): BuildError {
  return new BuildError({
    code: 'TARGET_NOT_FOUND',
    class: 'usage',
    message: `Cannot build target "${name}": the Dockerfile has no stage of this name`,
    hint: didYouMean(similar) ?? listOf('Stages', names),
  });
}

/** `COPY --from=7` in a file with fewer stages. */
export function stageIndexInvalid(text: string, count: number, span: Span): BuildError {
  return new BuildError({
    code: 'STAGE_INDEX_INVALID',
    class: 'input',
    message: `Cannot copy from stage ${text}: the stages of this Dockerfile are 0 to ${count - 1}`,
    span,
  });
}

/** COPY or a mount names a stage that begins further down. */
export function stageNotBuiltYet(
  init: { readonly verb: string; readonly name: string; readonly isRepeated: boolean },
  span: Span,
): BuildError {
  const found = init.isRepeated
    ? 'the last stage of this name begins after this instruction'
    : 'the stage begins after this instruction';
  return new BuildError({
    code: 'STAGE_NOT_BUILT_YET',
    class: 'input',
    message: `Cannot ${init.verb} "${init.name}": ${found}`,
    hint: init.isRepeated
      ? 'Give each stage a name of its own'
      : `Move the stage "${init.name}" above this one`,
    span,
  });
}

/** Stages that wait for each other, or one that waits for itself. `names` ends where it began. */
export function stageCycle(names: readonly string[], span: Span): BuildError {
  const [first = ''] = names;
  const found =
    names.length <= 2
      ? 'it needs itself'
      : names
          .slice(1)
          .map((name, i) => `${i === 0 ? 'it' : 'which'} needs "${name}"`)
          .join(', ');
  return new BuildError({
    code: 'STAGE_CYCLE',
    class: 'input',
    message: `Cannot build stage "${first}": ${found}`,
    span,
  });
}

/** FROM with a word that expands to nothing. */
export function baseNameEmpty(raw: string, unset: string | undefined, span: Span): BuildError {
  return new BuildError({
    code: 'BASE_NAME_EMPTY',
    class: 'input',
    message: `Cannot begin a stage from "${raw}": it expands to an empty name`,
    hint: unset === undefined ? undefined : declareVariable(unset),
    span,
  });
}

function declareVariable(name: string): string {
  return `Declare "ARG ${name}=…" before the first FROM, or give --build-arg ${name}=…`;
}

function setVariable(
  unset: { readonly name: string; readonly similar: string | undefined } | undefined,
): string | undefined {
  if (unset === undefined) return undefined;
  return unset.similar === undefined
    ? declareVariable(unset.name)
    : `"$${unset.name}" is not declared. Did you mean "$${unset.similar}"?`;
}

/** A name that is no stage and cannot be an image either. */
export function imageNameInvalid(
  init: {
    readonly verb: string;
    readonly name: string;
    readonly similar: string | undefined;
    /** A variable in the name that nothing sets, with the name of one that is declared. */
    readonly unset?: { readonly name: string; readonly similar: string | undefined } | undefined;
  },
  span: Span,
): BuildError {
  const { name } = init;
  return new BuildError({
    code: 'IMAGE_NAME_INVALID',
    class: 'input',
    message: `Cannot ${init.verb} "${name}": no stage has this name, and it is not a valid image name`,
    hint:
      setVariable(init.unset) ??
      didYouMean(init.similar) ??
      (name === name.toLowerCase() ? undefined : 'Names of images are lower case'),
    span,
  });
}

/** `--platform` of a FROM that is not `os/arch[/variant]`. */
export function platformInvalid(raw: string, text: string, span: Span): BuildError {
  return new BuildError({
    code: 'PLATFORM_INVALID',
    class: 'input',
    message:
      text === ''
        ? `Cannot use platform "${raw}": it expands to nothing`
        : `Cannot use platform "${text}": it is not of the form os/arch or os/arch/variant`,
    hint: text === '' ? undefined : 'Write for example linux/amd64 or linux/arm/v7',
    span,
  });
}

/** A `--build-context` value of no known form, or one that leads nowhere. */
export function namedContextInvalid(name: string, value: string, found: string): BuildError {
  return new BuildError({
    code: 'NAMED_CONTEXT_INVALID',
    class: 'usage',
    message: `Cannot use build context "${name}=${value}": ${found}`,
  });
}

/** SOURCE_DATE_EPOCH that stands for no time; `found` says why. */
export function sourceDateEpochInvalid(value: string, found: string, span?: Span): BuildError {
  return new BuildError({
    code: 'SOURCE_DATE_EPOCH_INVALID',
    class: 'usage',
    message: `Cannot use SOURCE_DATE_EPOCH "${value}": ${found}`,
    hint: 'Give a number, for example the one that "git log -1 --format=%ct" prints',
    span,
  });
}

/** A word that cannot be expanded; `found` says why. */
export function expansionFailed(raw: string, found: string, span: Span): BuildError {
  return new BuildError({
    code: 'EXPANSION_FAILED',
    class: 'input',
    message: `Cannot expand "${raw}": ${found}`,
    span,
  });
}

/** An ONBUILD trigger stored in a base that cannot be used; `found` says why. */
export function onbuildTriggerInvalid(trigger: string, found: string, span: Span): BuildError {
  return new BuildError({
    code: 'ONBUILD_TRIGGER_INVALID',
    class: 'input',
    message: `Cannot run ONBUILD trigger "${trigger}" of the base image: ${found}`,
    hint: 'Use another base image, or one without this trigger',
    span,
  });
}

/** A git URL whose query or fragment contradicts itself; `found` says how. */
export function gitReferenceInvalid(
  url: string,
  found: string,
  span: Span | undefined,
): BuildError {
  return new BuildError({
    code: 'GIT_REFERENCE_INVALID',
    class: 'input',
    message: `Cannot read git URL "${url}": ${found}`,
    span,
  });
}

function didYouMean(similar: string | undefined): string | undefined {
  return similar === undefined ? undefined : `Did you mean "${similar}"?`;
}

function listOf(what: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return 'No stage of this Dockerfile has a name';
  return `${what}: ${names.map((name) => `"${name}"`).join(', ')}`;
}
