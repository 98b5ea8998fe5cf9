import { readdirSync } from 'node:fs';
import { hasCode } from './sys.ts';

/** The names in a directory, in no particular order; none where it is not there. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
