import type { StepContext, TransferStep } from '../stages/planned-step.ts';
import { cleanPath, documentPath } from './image-path.ts';
import { lowerTransfer } from './lower-transfer.ts';
import {
  addDocument,
  addHistory,
  addScratch,
  filesOf,
  metadataOf,
  nameStep,
  type StageScope,
  type StageWork,
} from './stage-work.ts';

/**
 * Lowers COPY and ADD to one file op. With `--link` that op stands on scratch and a merge op puts it
 * on the stage, so that it stays valid when what is below changes. With `--chmod` BuildKit copies in
 * the ordinary way, and so do we; on an empty file system there is nothing to merge with.
 */
export function lowerCopy(
  step: StepContext & TransferStep,
  work: StageWork,
  scope: StageScope,
): void {
  const { builder } = scope;
  const metadata = nameStep(step, work, scope);
  const actions = lowerTransfer(step, {
    span: step.span,
    cwd: cleanPath(work.draft.workdir),
    from: () => filesOf(step.from, scope) ?? addScratch(builder),
    remote: (source) =>
      builder.add(
        { kind: 'source', source, platform: undefined },
        { ...metadata, ignoresCache: false },
      ),
    document: ({ name, content }) =>
      addDocument(builder, { path: documentPath(name), content, mode: '0644' }),
  });
  const isLinked = step.isLink && step.chmod === '';
  const base = isLinked ? undefined : work.root;
  const layer = builder.add({ kind: 'file', base, actions }, metadata);
  work.ops.push(layer);
  if (isLinked && work.root !== undefined) {
    const link = { ...step, title: `LINK ${step.title}` };
    const inputs = [work.root, layer];
    work.root = builder.add({ kind: 'merge', inputs }, metadataOf(link, work, scope));
    work.ops.push(work.root);
  } else {
    work.root = layer;
  }
  addHistory(work, historyText(step), layer, scope);
}

function historyText(step: TransferStep): string {
  return [
    step.kind.toUpperCase(),
    ...(step.keepsParents ? ['--parents'] : []),
    ...(step.chown === '' ? [] : [`--chown=${step.chown}`]),
    ...(step.chmod === '' ? [] : [`--chmod=${step.chmod}`]),
    ...step.sources,
    ...step.files.map(({ name }) => `<<${name}`),
    step.destination,
    '# buildkit',
  ].join(' ');
}
