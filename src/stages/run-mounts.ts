import { BuildError } from '../diagnostics/build-error.ts';
import type { Word } from '../dockerfile/ast.ts';
import { csvFields } from '../dockerfile/csv-fields.ts';
import { parseRunMount, type ExpandValue, type RunMount } from '../dockerfile/run-mount.ts';
import type { FileSources } from './file-sources.ts';
import type { PlannedMount } from './planned-step.ts';
import type { FileSource } from './stage-graph.ts';

/** What `from=` of a mount names, before variables have values. Of several the last counts. */
export function mountFromName(raw: string): string | undefined {
  const csv = csvFields(raw);
  if (!csv.ok) return undefined;
  const names = csv.fields.flatMap((field) => /^from=(.+)$/is.exec(field)?.[1] ?? []);
  return names.at(-1);
}

/**
 * Expands a mount and resolves what it mounts.
 * @throws BuildError with the code that the parser of mounts gives, and those of `mountFrom`.
 */
export function planMount(word: Word, expand: ExpandValue, sources: FileSources): PlannedMount {
  const result = parseRunMount(word, expand);
  if (!result.ok) throw new BuildError({ ...result.diagnostic, class: 'input' });
  return { ...result.mount, from: sourceOf(result.mount, word, sources), span: word.span };
}

function sourceOf(
  { type, from }: RunMount,
  word: Word,
  sources: FileSources,
): FileSource | undefined {
  if (type !== 'bind' && type !== 'cache') return undefined;
  if (from !== undefined && from !== '') return sources.mountFrom(from, word.span);
  return type === 'bind' ? { kind: 'context' } : undefined;
}
