import { formatPlatform, type Platform } from '../core/platform.ts';
import { nearest } from '../core/suggest.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Word } from '../dockerfile/ast.ts';
import { imageNameInvalid, namedContextInvalid } from './errors.ts';
import { formatReference, isReference, readReference } from '../core/image-reference.ts';
import type { FoundContext, NamedContexts } from './named-context.ts';
import {
  findStage,
  stageByIndex,
  stageNames,
  stageTitle,
  type StageEntry,
  type UnsetVariable,
} from './stage-entry.ts';
import type { BaseKey, StageBase } from './stage-graph.ts';

/** Turns the names of one target platform's stages into what they stand for. Asks nobody. */
export interface FileSources {
  /** What a stage begins with. @throws BuildError IMAGE_NAME_INVALID, NAMED_CONTEXT_INVALID */
  base(entry: StageEntry): StageBase;
  /** `COPY --from`: an index, a stage, a named context or an image, in this order. */
  copyFrom(from: Word): StageBase;
  /** `from=` of a mount: as `copyFrom`, but a number is no index. */
  mountFrom(name: string, span: Span): StageBase;
}

export function fileSources(
  entries: readonly StageEntry[],
  scope: { readonly contexts: NamedContexts; readonly targetPlatform: Platform },
): FileSources {
  const names = stageNames(entries);
  const { contexts, targetPlatform } = scope;

  function fromContext({ name, context }: FoundContext, platform: Platform): StageBase {
    switch (context.type) {
      case 'image':
        if (context.reference === 'scratch') return { kind: 'scratch' };
        return imageSource(context.reference, platform);
      case 'oci-layout': {
        const { path, tag, digest } = context;
        const reference = digest ?? tag ?? 'latest';
        const key = keyOf(`oci-layout:${path}@${reference}`, platform);
        return { kind: 'image', key, reference, layout: path, platform };
      }
      case 'stage': {
        const stage = findStage(entries, context.name);
        if (stage === undefined) {
          const found = `the Dockerfile has no stage "${context.name}"`;
          throw namedContextInvalid(name, `target:${context.name}`, found);
        }
        return stageSource(stage);
      }
      case 'local':
      case 'git':
      case 'http':
        return { kind: 'named', name, context };
      default:
        return context satisfies never;
    }
  }

  function elsewhere(
    verb: string,
    word: Word,
    platform: Platform,
    unset?: UnsetVariable,
  ): StageBase {
    const name = word.raw;
    if (name === 'scratch') return { kind: 'scratch' };
    const context = contexts.find(name, platform);
    if (context !== undefined) return fromContext(context, platform);
    if (!isReference(name)) {
      const similar = nearest(name, names);
      throw imageNameInvalid({ verb, name, similar, unset }, word.span);
    }
    return imageSource(name, platform);
  }

  return {
    base(entry) {
      const platform = entry.platform ?? targetPlatform;
      if (entry.override !== undefined) return fromContext(entry.override, platform);
      const stage = entry.baseStage === undefined ? undefined : entries[entry.baseStage];
      if (stage !== undefined) return stageSource(stage);
      const { span } = entry.node.from.image;
      const word = { raw: entry.baseName, span };
      return elsewhere('begin a stage from', word, platform, entry.unset);
    },
    copyFrom(from) {
      const stage = stageByIndex(entries, from) ?? findStage(entries, from.raw);
      return stage === undefined
        ? elsewhere('copy from', from, targetPlatform)
        : stageSource(stage);
    },
    mountFrom(name, span) {
      const stage = findStage(entries, name);
      return stage === undefined
        ? elsewhere('mount from', { raw: name, span }, targetPlatform)
        : stageSource(stage);
    },
  };
}

function stageSource(stage: StageEntry): StageBase {
  return { kind: 'stage', index: stage.index, name: stageTitle(stage) };
}

function imageSource(name: string, platform: Platform): StageBase {
  const read = readReference(name);
  const reference = 'fault' in read ? name : formatReference(read);
  return { kind: 'image', key: keyOf(reference, platform), reference, layout: undefined, platform };
}

/** The key of a base image: its full name and the platform. */
function keyOf(reference: string, platform: Platform): BaseKey {
  return `${reference} ${formatPlatform(platform)}` as BaseKey;
}
