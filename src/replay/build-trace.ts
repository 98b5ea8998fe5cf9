import type { BytePath } from '../core/bytes.ts';
import type { ImageReference } from '../core/image-reference.ts';
import type { BuildEvent } from '../events/event.ts';
import type { RegistriesConfig } from '../registry/registries.ts';
import type { PathAspect } from './path-state.ts';

/**
 * What a build that took everything from the cache looked at, and what it told. As long as all of that is as it
 * was, the same command would tell the same again and write nothing: then it need not be worked out anew
 * (docs/decisions/014-replayed-builds.md).
 */
export interface BuildTrace {
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  readonly paths: readonly TracedPath[];
  readonly tags: readonly TracedTag[];
  /** How the registries of the tags are reached. */
  readonly registries: RegistriesConfig;
  readonly caCerts: readonly string[];
  readonly homeDir: string;
  /** Directory of the store. */
  readonly root: string;
  readonly dockerfile: string;
  readonly target: string | undefined;
  /** As asked for. */
  readonly progress: string;
  /** Of the image. */
  readonly id: string;
  readonly events: readonly BuildEvent[];
}

/** One place, and what was there. */
export type TracedPath = readonly [aspect: PathAspect, path: BytePath, state: string];

/** What a registry said that a tag is. */
export interface TracedTag extends Pick<ImageReference, 'registry' | 'repository' | 'tag'> {
  readonly digest: string;
}

/** Changes with the form of traces. */
const FORM = 1;

/** Beyond that it takes longer to read than to work out again. In bytes. */
export const MAX_TRACE_BYTES = 1024 * 1024;

/** The trace as text. */
export function serializeTrace(trace: BuildTrace): string {
  return JSON.stringify({ ...trace, form: FORM });
}

/** Undefined when the text is no trace, or one of another form. */
export function parseTrace(text: string): BuildTrace | undefined {
  try {
    const trace = JSON.parse(text) as BuildTrace & { readonly form?: number };
    return trace.form === FORM ? trace : undefined;
  } catch {
    return undefined;
  }
}
