import { formatPlatform, parsePlatform, type Platform } from '../core/platform.ts';
import { invalidAnnotation, unsupportedOutput } from './errors.ts';
import type { OptionFault } from './option-values.ts';
import type { Annotation, Output } from './output.ts';

/** `annotation.key`, `annotation-index.key`, `annotation-manifest-descriptor[linux/arm64].key` (BuildKit `exptypes/annotations.go`). */
const OPTION_KEY =
  /^annotation(?:-(manifest|manifest-descriptor|index|index-descriptor))?(?:\[([^\]]*)\])?\.(.+)$/s;
/** One of the types before the colon in `--annotation index,manifest[linux/arm64]:key=value`. */
const FLAG_TYPE = /^(manifest|manifest-descriptor|index|index-descriptor)(?:\[([^\]]*)\])?$/;

const NO_HOST: Platform = { os: 'linux', architecture: 'amd64' };

/** True for keys of an `-o` value that `readAnnotation` reads. */
export function isAnnotationKey(key: string): boolean {
  return OPTION_KEY.test(key);
}

/** One `annotation….key=value` field of an `-o` value. @throws what `fault` makes */
export function readAnnotation(option: string, value: string, fault: OptionFault): Annotation {
  const [, on, platform, key = ''] = OPTION_KEY.exec(option) ?? [];
  return annotation(on, platform, key, value, fault);
}

/**
 * `--annotation [TYPE[PLATFORM],…:]KEY=VALUE` of buildx: one annotation for each type. What stands before
 * a colon is a type only where it has the form of one: keys may have colons too.
 * @throws what `fault` makes
 */
function readAnnotationFlag(text: string, fault: OptionFault): Annotation[] {
  const equals = text.indexOf('=');
  if (equals < 1) throw fault('expected KEY=VALUE');
  const value = text.slice(equals + 1);
  const name = text.slice(0, equals);
  const colon = name.indexOf(':');
  const types = colon === -1 ? [] : name.slice(0, colon).split(',');
  if (types.length === 0 || !types.every((type) => FLAG_TYPE.test(type))) {
    return [annotation(undefined, undefined, name, value, fault)];
  }
  const key = name.slice(colon + 1);
  if (key === '') throw fault('expected KEY=VALUE');
  return types.map((type) => {
    const [, on, platform] = FLAG_TYPE.exec(type) ?? [];
    return annotation(on, platform, key, value, fault);
  });
}

/**
 * The outputs with the values of `--annotation`, which every output that is an image gets.
 * @throws BuildError ANNOTATION_INVALID, UNSUPPORTED when no output has a manifest
 */
export function addAnnotations(outputs: readonly Output[], texts: readonly string[]): Output[] {
  const added = texts.flatMap((text) =>
    readAnnotationFlag(text, (found, hint) => invalidAnnotation(text, found, hint)),
  );
  if (!outputs.some((output) => 'annotations' in output)) {
    throw unsupportedOutput(
      `annotation "${texts[0] ?? ''}"`,
      'annotations belong to manifests, and no output has one',
      'Add --push, or -o type=oci,dest=FILE.',
    );
  }
  return outputs.map((output) =>
    'annotations' in output
      ? { ...output, annotations: [...output.annotations, ...added] }
      : output,
  );
}

function annotation(
  on: string | undefined,
  platformText: string | undefined,
  key: string,
  value: string,
  fault: OptionFault,
): Annotation {
  const isIndex = on === 'index' || on === 'index-descriptor';
  if (platformText !== undefined && isIndex) {
    throw fault('an index has no platform', 'Leave the brackets out.');
  }
  const platform = platformText === undefined ? undefined : parsePlatform(platformText, NO_HOST);
  if (platformText !== undefined && platform === undefined) {
    throw fault(`"${platformText}" is no platform`, 'Write it as in [linux/arm64].');
  }
  return {
    on: isIndex || on === 'manifest-descriptor' ? on : 'manifest',
    platform: platform && formatPlatform(platform),
    key,
    value,
  };
}

/** The annotations of one place as a map; undefined where there are none. Later ones win. */
export function annotationsOn(
  annotations: readonly Annotation[],
  on: Annotation['on'],
  platform: Platform | undefined,
): Readonly<Record<string, string>> | undefined {
  const wanted = platform && formatPlatform(platform);
  const chosen = annotations.filter(
    (each) => each.on === on && (each.platform === undefined || each.platform === wanted),
  );
  if (chosen.length === 0) return undefined;
  return Object.fromEntries(chosen.map(({ key, value }) => [key, value]));
}

/**
 * Refuses annotations that have no place: on an index where there is none.
 * @throws BuildError UNSUPPORTED
 */
export function checkAnnotations(annotations: readonly Annotation[], imageCount: number): void {
  const astray = annotations.find(({ on }) => on === 'index' || on === 'index-descriptor');
  if (astray === undefined || imageCount > 1) return;
  throw unsupportedOutput(
    `annotation "${astray.key}"`,
    'index annotations not supported for single platform export',
    'Put it on the manifest, or build for several platforms.',
  );
}
