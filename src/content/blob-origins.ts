import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf, type Digest } from '../core/digest.ts';
import { readFileCapped, unlinkIfThere } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';

/** Repositories that are known to have a blob; the newest are kept. */
const MAX_ORIGINS = 8;
const MAX_FILE_BYTES = 16 * 1024;

/** Which repositories have a blob, so that a push can mount it instead of sending it. Only a hint. */
export interface BlobOrigins {
  /** `registry/repository`, the newest first. */
  of(digest: Digest): readonly string[];
  note(digest: Digest, origin: string): void;
  forget(digest: Digest): void;
}

/** One small file for each blob below `dir`, which is made when it is first written to. */
export function openBlobOrigins(dir: string): BlobOrigins {
  const pathOf = (digest: Digest): string => join(dir, hexOf(digest));
  const of = (digest: Digest): readonly string[] => {
    try {
      const text = readFileCapped(pathOf(digest), MAX_FILE_BYTES)?.toString('utf8') ?? '';
      return text.split('\n').filter((line) => line !== '');
    } catch {
      // A damaged hint is none.
      return [];
    }
  };
  return {
    of,
    note(digest, origin) {
      const known = of(digest);
      if (known[0] === origin) return;
      const all = [origin, ...known.filter((one) => one !== origin)].slice(0, MAX_ORIGINS);
      try {
        mkdirSync(dir, { recursive: true, mode: 0o700 });
        replaceFile(pathOf(digest), `${all.join('\n')}\n`);
      } catch {
        // Without it, bytes are sent that could have been mounted.
      }
    },
    forget: (digest) => unlinkIfThere(pathOf(digest)),
  };
}
