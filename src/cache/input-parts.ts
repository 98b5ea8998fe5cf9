import type { CopyAction, Mount, Op, OpId } from '../ops/op.ts';
import type { CacheKey, KeyParts } from './cache-key.ts';

/** What an op does with one of its inputs, as far as the key is concerned. */
export type InputUse =
  /** The input is the file system that the op builds on: its key stands for it. */
  | { readonly kind: 'whole'; readonly part: string; readonly from: OpId }
  /** Only some files are read, so their hash may stand in for the key of the whole input. */
  | {
      readonly kind: 'files';
      readonly part: string;
      readonly from: OpId;
      readonly selection: Selection;
    };

/** The files that an op reads from an input. */
export type Selection =
  | { readonly kind: 'copy'; readonly action: CopyAction }
  | { readonly kind: 'path'; readonly path: string };

/** Every use of every input, in a fixed order. `part` names it in keys and explanations. */
export function inputUses(op: Op): readonly InputUse[] {
  switch (op.kind) {
    case 'source':
      return [];
    case 'exec':
      return [
        ...whole('root', op.root),
        ...op.mounts.flatMap((mount, i) => mountUse(mount, `mount ${i + 1}`)),
      ];
    case 'file': {
      const isSingle = op.actions.length === 1;
      return [
        ...whole('base', op.base),
        ...op.actions.flatMap((action, i): InputUse[] =>
          action.action === 'copy'
            ? [
                {
                  kind: 'files',
                  part: isSingle ? 'copy' : `copy ${i + 1}`,
                  from: action.from,
                  selection: { kind: 'copy', action },
                },
              ]
            : [],
        ),
      ];
    }
    case 'merge':
      return op.inputs.flatMap((input, i) => whole(`input ${i + 1}`, input));
    case 'diff':
      return [...whole('lower', op.lower), ...whole('upper', op.upper)];
    default:
      return op satisfies never;
  }
}

function whole(part: string, from: OpId | undefined): InputUse[] {
  return from === undefined ? [] : [{ kind: 'whole', part, from }];
}

function mountUse(mount: Mount, part: string): InputUse[] {
  if (mount.type !== 'bind' && mount.type !== 'cache') return [];
  if (mount.from === undefined) return [];
  // The seed of a cache mount decides only what an empty cache starts with.
  if (mount.type === 'cache') return whole(part, mount.from);
  const selection: Selection = { kind: 'path', path: mount.source };
  return [{ kind: 'files', part, from: mount.from, selection }];
}

/**
 * The inputs' part of a key. `contentOf` gives the hash of the files a use reads, or undefined when
 * the input's own key is to be taken.
 */
export function inputParts(
  uses: readonly InputUse[],
  keyOf: (input: OpId) => CacheKey,
  contentOf: (use: InputUse) => string | undefined,
): KeyParts {
  return Object.fromEntries(
    uses.map((use) => {
      const content = use.kind === 'files' ? contentOf(use) : undefined;
      return content === undefined
        ? [`${use.part} from`, keyOf(use.from)]
        : [`${use.part} files`, content];
    }),
  );
}
