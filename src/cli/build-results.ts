import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BuildResult } from '../build/build-image.ts';
import type { WrittenImage } from '../events/event.ts';
import type { BuildFlagValues } from './build-flags.ts';
import { resultUnwritable } from './errors.ts';

/** Writes `--iidfile` and `--metadata-file`. @throws BuildError RESULT_UNWRITABLE */
export function writeResultFiles(
  flags: BuildFlagValues,
  cwd: string,
  result: BuildResult,
  written: readonly WrittenImage[],
): void {
  const { id, images } = result;
  if (flags.iidfile !== undefined) writeResult('--iidfile', cwd, flags.iidfile, id);
  const path = flags['metadata-file'];
  if (path === undefined) return;
  // An image that left the store has a manifest; in the store alone, its id is all it has, as in Docker.
  const exported = written.find(({ digest }) => digest !== id);
  const pushed = exported?.names ?? [];
  const names = pushed.length === 0 ? flags.tag : pushed;
  const facts = {
    // As buildx has it: builder, node, build. There is one of the first two.
    'buildx.build.ref': `stagecraft/stagecraft/${result.buildId}`,
    // An index has no config.
    ...(images.length === 1 ? { 'containerimage.config.digest': id } : {}),
    'containerimage.digest': exported?.digest ?? id,
    ...(exported?.descriptor === undefined
      ? {}
      : { 'containerimage.descriptor': exported.descriptor }),
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
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
