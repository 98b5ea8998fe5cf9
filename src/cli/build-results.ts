import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BuildResult } from '../build/build-image.ts';
import type { WrittenImage } from '../events/event.ts';
import type { BuildFlagValues } from './build-flags.ts';
import { flagConflict, resultUnwritable } from './errors.ts';

/** One file can name one image. @throws BuildError FLAG_CONFLICT, before anything is built */
export function checkResultFiles(flags: BuildFlagValues, platforms: number): void {
  if (platforms < 2) return;
  for (const name of ['iidfile', 'metadata-file'] as const) {
    if (flags[name] === undefined) continue;
    throw flagConflict(
      `Cannot use "--${name}" with ${String(platforms)} platforms: each has an image of its own`,
      'Build one platform at a time',
    );
  }
}

/** Writes `--iidfile` and `--metadata-file`. @throws BuildError RESULT_UNWRITABLE */
export function writeResultFiles(
  flags: BuildFlagValues,
  cwd: string,
  result: BuildResult,
  written: readonly WrittenImage[],
): void {
  const [image] = result.images;
  if (image === undefined) return;
  if (flags.iidfile !== undefined) writeResult('--iidfile', cwd, flags.iidfile, image.id);
  const path = flags['metadata-file'];
  if (path === undefined) return;
  // An image that left the store has a manifest; in the store alone, its id is all it has, as in Docker.
  const exported = written.find(({ digest }) => digest !== image.id);
  const facts = {
    'containerimage.config.digest': image.id,
    'containerimage.digest': exported?.digest ?? image.id,
    ...(flags.tag.length === 0 ? {} : { 'image.name': flags.tag.join(',') }),
  };
  writeResult('--metadata-file', cwd, path, `${JSON.stringify(facts, undefined, 2)}\n`);
}

function writeResult(flag: string, cwd: string, path: string, text: string): void {
  try {
    writeFileSync(resolve(cwd, path), text);
  } catch (error) {
    throw resultUnwritable(flag, path, error);
  }
}
