import { BuildError } from '../diagnostics/build-error.ts';
import { exportFiles } from '../export/local-files.ts';
import type { FailedStep } from '../exec/failed-step.ts';
import { runFileOp } from '../exec/file-op.ts';
import { copyAction } from '../ops/copy-action.ts';
import type { CopyAction, OpId } from '../ops/op.ts';
import type { BuildHost } from './build-image.ts';
import type { FailureExport } from './request.ts';

/** What saving files of a failed step needs. */
export interface FailedExportDeps extends Pick<BuildHost, 'store' | 'cwd'> {
  note(text: string): void;
}

/**
 * Saves files of a failed step in a directory: the content of a directory, or one file. Links lead nowhere
 * but into the step's own files. What cannot be saved is told and is no further failure.
 */
export async function exportFailedStep(
  step: FailedStep,
  { dest, path = step.workdir }: FailureExport,
  deps: FailedExportDeps,
  signal: AbortSignal,
): Promise<void> {
  const source = path.startsWith('/')
    ? path
    : `${step.workdir === '/' ? '' : step.workdir}/${path}`;
  await using copy = await deps.store.snapshots.prepare(undefined, signal);
  try {
    await runFileOp(
      { kind: 'file', base: undefined, actions: [copyOf(source)] },
      copy,
      () => step.files,
      { signal, isImmutable: () => false },
    );
    await exportFiles(dest, [{ tree: copy.tree, prefix: '' }], deps, signal);
    deps.note(`Saved "${source}" of the failed step in "${dest}"`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    deps.note(`Did not save "${source}" of the failed step: ${error.message}`);
  }
}

/** Like `COPY source /`. */
function copyOf(source: string): CopyAction {
  return copyAction(0 as OpId, source, '/', {
    followsSymlink: true,
    copiesDirContents: true,
    allowsWildcard: true,
  });
}
