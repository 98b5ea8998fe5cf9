import { readFileSync } from 'node:fs';
import { secretUnreadable } from './errors.ts';
import type { BuildRequest } from './request.ts';

/** The bytes of a secret of the build; undefined when none was given under this id. @throws BuildError SECRET_UNREADABLE */
export function readSecret(request: BuildRequest, id: string): Uint8Array | undefined {
  const source = request.secrets.get(id);
  if (source === undefined) return undefined;
  if (source.kind === 'value') return source.bytes;
  try {
    return readFileSync(source.path);
  } catch (error) {
    throw secretUnreadable(id, source.path, error);
  }
}
