import type { BaseImage } from '../image/base-image.ts';
import { parseGitReference } from '../stages/git-reference.ts';
import {
  baseTitle,
  type BaseKey,
  type FileContext,
  type FileSource,
} from '../stages/stage-graph.ts';
import { copyAction } from './copy-action.ts';
import { gitSource } from './lower-transfer.ts';
import type { OpBuilder } from './op-builder.ts';
import type { CopyAction, OpId, OpMetadata, Source, SourceOp } from './op.ts';

/** Sources that an op of their own stands for. */
export type OpSource = Extract<FileSource, { readonly kind: 'context' | 'image' | 'named' }>;

/** Name of the main build context in `local://`. */
export const MAIN_CONTEXT = 'context';

/** Adds the op for `source`. Without `about` it is named by what it loads. */
export function sourceOp(
  source: OpSource,
  scope: { readonly builder: OpBuilder; readonly images: ReadonlyMap<BaseKey, BaseImage> },
  about?: Pick<OpMetadata, 'name' | 'span' | 'stage'>,
): OpId {
  const op = opOf(source, scope.images);
  const unnamed = { name: titleOf(source), span: undefined, stage: undefined };
  const metadata = { ...(about ?? unnamed), ignoresCache: false };
  const id = scope.builder.add(op, metadata);
  if (op.source.type !== 'http') return id;
  return scope.builder.add({ kind: 'file', base: undefined, actions: [unpackOf(id)] }, metadata);
}

/** A named context behind HTTP is what an archive holds, or the one file where it is none. */
function unpackOf(from: OpId): CopyAction {
  // The server decides what the file is called.
  return copyAction(from, '/*', '/', { unpacksArchives: true, allowsWildcard: true });
}

function opOf(source: OpSource, images: ReadonlyMap<BaseKey, BaseImage>): SourceOp {
  switch (source.kind) {
    case 'context':
      return localOp(MAIN_CONTEXT);
    case 'named':
      return {
        kind: 'source',
        source: contextSource(source.name, source.context),
        platform: undefined,
      };
    case 'image': {
      const image = images.get(source.key);
      if (image === undefined) throw new Error(`Base image "${source.key}" was not resolved`);
      const { manifestDigest } = image;
      const name = source.layout ?? withoutDigest(source.reference);
      const type = source.layout === undefined ? 'image' : 'oci-layout';
      return { kind: 'source', source: { type, name, manifestDigest }, platform: source.platform };
    }
    default:
      return source satisfies never;
  }
}

function contextSource(name: string, context: FileContext): Source {
  switch (context.type) {
    case 'local':
      return { type: 'local', name };
    case 'http':
      return { type: 'http', url: context.url, checksum: undefined, filename: undefined };
    case 'git': {
      const git = parseGitReference(context.url);
      if (git === undefined) throw new Error(`"${context.url}" is no git URL`);
      return gitSource(git, { checksum: git.checksum, keepsGitDir: git.keepsGitDir ?? false });
    }
    default:
      return context satisfies never;
  }
}

function localOp(name: string): SourceOp {
  return { kind: 'source', source: { type: 'local', name }, platform: undefined };
}

function titleOf(source: OpSource): string {
  switch (source.kind) {
    case 'context':
      return '[internal] load build context';
    case 'named':
      return `[context ${source.name}] load from client`;
    case 'image':
      return `FROM ${baseTitle(source)}`;
    default:
      return source satisfies never;
  }
}

function withoutDigest(reference: string): string {
  return reference.split('@', 1)[0] ?? reference;
}
