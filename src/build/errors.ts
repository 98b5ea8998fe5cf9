import { BuildError } from '../diagnostics/build-error.ts';
import type { Span } from '../diagnostics/source.ts';
import type { BuildDifference, FileDifference } from '../events/event.ts';
import { shown } from '../image/errors.ts';

/** The build context cannot be used. */
export function badContext(path: string, found: string, hint: string | undefined): BuildError {
  return new BuildError({
    code: 'CONTEXT_NOT_A_DIRECTORY',
    class: 'input',
    message: `Cannot use "${path}" as build context: ${found}`,
    hint,
  });
}

/** A build context that came as an archive and is none, or half of one. Nothing of it is used. */
export function contextArchiveInvalid(name: string, cause: BuildError): BuildError {
  return new BuildError({
    code: 'CONTEXT_ARCHIVE_INVALID',
    class: 'input',
    message: `Cannot unpack the build context from "${name}": ${cause.message.replace(/^Cannot [^:]*: /, '')}`,
    hint: cause.hint,
    cause,
  });
}

/** There is no Dockerfile where it was looked for. */
export function dockerfileNotFound(path: string, found: string, hint: string): BuildError {
  return new BuildError({
    code: 'DOCKERFILE_NOT_FOUND',
    class: 'input',
    message: `Cannot read Dockerfile "${path}": ${found}`,
    hint,
  });
}

/** The Dockerfile is not text that could be one. */
export function dockerfileUnreadable(path: string, found: string): BuildError {
  return new BuildError({
    code: 'DOCKERFILE_UNREADABLE',
    class: 'input',
    message: `Cannot read Dockerfile "${path}": ${found}`,
    hint: undefined,
  });
}

/** A file with mistakes whose words are not ours to show. */
export function privateFileInvalid(path: string): BuildError {
  return new BuildError({
    code: 'DOCKERFILE_UNREADABLE',
    class: 'input',
    message: `Cannot read Dockerfile "${path}": it is a link out of the build context, to a file with mistakes that are not shown`,
    hint: 'Put a copy in the place of the link to see them',
  });
}

/** A file of the context changed after it was hashed. */
export function contextChanged(step: string): BuildError {
  return new BuildError({
    code: 'CONTEXT_CHANGED',
    class: 'input',
    message: `Cannot finish "${step}": files of the build context changed while they were copied`,
    hint: 'Build again when nothing writes to the context',
  });
}

/** The store directory is not safe or not usable. */
export function badStore(root: string, found: string, hint: string): BuildError {
  return new BuildError({
    code: 'STORE_UNUSABLE',
    class: 'host',
    message: `Cannot use the store "${root}": ${found}`,
    hint,
  });
}

/** A secret that was given cannot be read. */
export function secretUnreadable(id: string, path: string, cause: unknown): BuildError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  return new BuildError({
    code: 'SECRET_UNREADABLE',
    class: 'input',
    message: `Cannot read secret "${id}" from "${path}": ${code}`,
    hint: undefined,
    cause,
  });
}

/** `# check=error=true`, and the checks found something. */
export function lintViolation(rules: readonly string[]): BuildError {
  return new BuildError({
    code: 'LINT_VIOLATION',
    class: 'input',
    message: `Cannot build: lint violation found for rules: ${rules.join(', ')}`,
    hint: 'Mend what the warnings show, or leave a check out with # check=skip=NAME',
  });
}

/** A layer of a stored image is neither unpacked nor packed here any more. */
export function layerNotHere(diffId: string): BuildError {
  return new BuildError({
    code: 'LAYER_NOT_HERE',
    class: 'host',
    message: `Cannot read layer "${diffId}": it is not in the store any more`,
    hint: 'Build or pull the image again',
  });
}

/** A step asks for what the user did not allow. */
export function entitlementMissing(entitlement: string, span: Span | undefined): BuildError {
  return new BuildError({
    code: 'ENTITLEMENT_MISSING',
    class: 'input',
    message: `Cannot run this step: it needs "${entitlement}", which is not allowed`,
    hint: `Add --allow ${entitlement} if you trust this Dockerfile`,
    span,
  });
}

/** How many devices a message lists. */
const MAX_LISTED_DEVICES = 8;

/** `RUN --device` requires what this machine does not have. */
export function deviceNotFound(
  name: string,
  host: {
    readonly all: readonly { readonly name: string }[];
    readonly problems: readonly string[];
  },
  span: Span | undefined,
): BuildError {
  const names = host.all.map((device) => device.name);
  const listed = names.slice(0, MAX_LISTED_DEVICES).map((each) => `"${each}"`);
  const more = names.length > listed.length ? ` and ${names.length - listed.length} more` : '';
  const [problem] = host.problems;
  return new BuildError({
    code: 'DEVICE_NOT_FOUND',
    class: 'input',
    message: `Cannot run this step: required device "${name}" is not described on this machine`,
    hint:
      problem !== undefined
        ? `A description could not be used: ${problem}`
        : names.length > 0
          ? `Devices here: ${listed.join(', ')}${more}`
          : 'Put a specification of the Container Device Interface into /etc/cdi',
    span,
  });
}

/** An image that a container was made of. `canForce` when `--force` would help. */
export function imageInUse(
  image: string,
  container: { readonly id: string; readonly name: string },
  canForce: boolean,
): BuildError {
  const user = `container "${container.name}" (${container.id.slice(0, 12)})`;
  return new BuildError({
    code: 'IMAGE_IN_USE',
    class: 'host',
    message: `Cannot remove image "${image}": ${canForce ? `${user} was made of it` : `${user} runs it`}`,
    hint: canForce
      ? `Remove the container with "stagecraft rm ${container.name}", or give --force`
      : `Stop the container with "stagecraft stop ${container.name}"`,
  });
}

/** One `--change` of an import. */
export function changeInvalid(change: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'CHANGE_INVALID',
    class: 'usage',
    message: `Cannot apply the change "${shown(change)}": ${found}`,
    hint,
  });
}

/** A list of that name was begun before. */
export function manifestListExists(name: string): BuildError {
  return new BuildError({
    code: 'MANIFEST_LIST_EXISTS',
    class: 'usage',
    message: `Cannot create manifest list "${shown(name)}": there is one already`,
    hint: 'Add to it with --amend, or remove it with "stagecraft manifest rm".',
  });
}

/** No list of that name was begun in this store. */
export function manifestListNotFound(name: string): BuildError {
  return new BuildError({
    code: 'MANIFEST_LIST_NOT_FOUND',
    class: 'usage',
    message: `Cannot find manifest list "${shown(name)}": none of that name was begun here`,
    hint: 'Begin it with "stagecraft manifest create".',
  });
}

/** An image that a list does not have. */
export function manifestNotListed(
  image: string,
  list: string,
  listed: readonly string[],
): BuildError {
  const found = listed.length === 0 ? 'no images' : listed.map(shown).join(', ');
  return new BuildError({
    code: 'MANIFEST_NOT_LISTED',
    class: 'usage',
    message: `Cannot annotate "${shown(image)}" in manifest list "${shown(list)}": the list has ${found}`,
    hint: 'Name one of them, or add the image with "stagecraft manifest create --amend".',
  });
}

/** Two builds of one request gave different images. `hasEpoch`: times were clamped. */
export function notReproducible(
  found: BuildDifference,
  span: Span | undefined,
  hasEpoch: boolean,
): BuildError {
  return new BuildError({
    code: 'NOT_REPRODUCIBLE',
    class: 'verify',
    message: `Cannot reproduce the image: ${describeDifference(found)}`,
    hint: hasEpoch ? undefined : epochHint(found),
    span,
  });
}

function epochHint({ isTimeOnly }: BuildDifference): string {
  return isTimeOnly
    ? 'Add --reproducible, with which no time in the image is later than a fixed one'
    : 'Add --reproducible: many programs write the time that SOURCE_DATE_EPOCH says';
}

function describeDifference(found: BuildDifference): string {
  const { path, difference, step, earlier, others, isTimeOnly } = found;
  const by = step === undefined ? '' : `, made by "${shown(step)}"`;
  if (path === undefined) {
    const only = isTimeOnly ? 'two builds differ in times alone, first in' : 'two builds differ in';
    return `${only} ${describeAspect(difference)}${by}`;
  }
  const first = isTimeOnly
    ? 'two builds differ in times alone, first of'
    : 'two builds differ, first in';
  const more = others === 0 ? '' : `; ${others} more files of this layer differ`;
  const before =
    earlier === undefined
      ? ''
      : `; before that, "${shown(earlier.step)}" had made another "${shown(earlier.path)}"`;
  return `${first} "${shown(path)}": ${describeAspect(difference)}${by}${before}${more}`;
}

function describeAspect({ aspect, first, second, offset, name }: FileDifference): string {
  const values = `"${shown(first)}" and "${shown(second)}"`;
  switch (aspect) {
    case 'presence':
      return first === 'missing' ? 'only the second has it' : 'only the first has it';
    case 'content':
      return `content from byte ${String(offset)} on, ${values}`;
    case 'target':
    case 'type':
    case 'device':
    case 'mode':
    case 'owner':
    case 'time':
      return `${name === undefined ? aspect : `"${shown(name)}" of the config,`} ${values}`;
    case 'xattr':
      return `extended attributes, ${values}`;
    case 'config':
      return `"${shown(name ?? '')}" of the config, ${values}`;
    case 'source':
      return `a source that changed meanwhile, ${values}`;
    default:
      return aspect satisfies never;
  }
}
