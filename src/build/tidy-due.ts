import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../host/sys.ts';

/** A look at the whole store is worth it this often at most. */
const INTERVAL_MS = 10 * 60 * 1000;

/**
 * True when it is time to tidy the store, which is then noted, so that of many builds one does it. A new
 * store is left alone for the first ten minutes. Costs one system call while it is not time.
 */
export function isTidyDue(root: string, now: number): boolean {
  const path = join(root, 'locks', 'tidied');
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) writeFileSync(path, '', { mode: 0o600 });
    if (stat === undefined || now - stat.mtimeMs < INTERVAL_MS) return false;
    utimesSync(path, now / 1000, now / 1000);
    return true;
  } catch (error) {
    // A disk that takes no more has other worries; that it is full is no reason against tidying it.
    return hasCode(error, 'ENOSPC', 'EDQUOT');
  }
}
