import type { BaseImage } from '../image/base-image.ts';
import type { Variables } from './planned-step.ts';

/** Search path of a stage whose base sets none. */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The variables that a base image sets, in its order. PATH is always among them. */
export function imageVariables(image: BaseImage | undefined): Variables {
  const variables = new Map<string, string>();
  for (const entry of image?.config.config.Env ?? []) {
    const equals = entry.indexOf('=');
    const name = equals === -1 ? entry : entry.slice(0, equals);
    variables.set(name, equals === -1 ? '' : entry.slice(equals + 1));
  }
  if (!variables.has('PATH')) variables.set('PATH', DEFAULT_PATH);
  return variables;
}
