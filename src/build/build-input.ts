import { DisposeStack } from '../core/dispose-stack.ts';
import type { PatternMatcher } from '../dockerfile/pattern-matcher.ts';
import type { FileTree } from '../tree/file-tree.ts';
import type { BuildHost } from './build-image.ts';
import type { BuildRemotes } from './build-remotes.ts';
import { noTime, type ContextTime } from './context-time.ts';
import { contextDirectory, readDockerfile, type ReadDockerfile } from './read-dockerfile.ts';
import { lintIgnoreFile } from './read-ignore-file.ts';
import type { BuildRequest } from './request.ts';

/** The files that a build copies from when nothing else is named. */
export type MainContext =
  | { readonly kind: 'empty' }
  /** Absolute host path. */
  | { readonly kind: 'directory'; readonly path: string }
  /** What was fetched or unpacked. It never changes, and no ignore file applies to it. */
  | { readonly kind: 'files'; readonly tree: FileTree };

/** What a build begins with. */
export interface BuildInput extends AsyncDisposable {
  readonly context: MainContext;
  /** What `SOURCE_DATE_EPOCH=context` stands for. */
  readonly contextTime: ContextTime;
  readonly dockerfile: ReadDockerfile;
  /** The rules of the context's ignore file, for a build check. */
  readonly ignoreMatcher: PatternMatcher | undefined;
}

/** What opening the input takes from the world. */
export type InputHost = Pick<BuildHost, 'store' | 'cwd' | 'emit' | 'now'>;

/**
 * Reads the Dockerfile, and fetches or unpacks the build context when it is not a directory of this
 * host. Disposing forgets what only this build can use.
 * @throws BuildError DOCKERFILE_NOT_FOUND, DOCKERFILE_UNREADABLE, CONTEXT_NOT_A_DIRECTORY, those of
 * remote sources and of archives
 */
export async function openBuildInput(
  request: BuildRequest,
  host: InputHost,
  remotes: BuildRemotes,
  signal: AbortSignal,
): Promise<BuildInput> {
  const { context, dockerfile } = request;
  const isHere = context.kind === 'directory' || context.kind === 'empty';
  if (!isHere || dockerfile.kind === 'url') {
    const { openRemoteInput } = await import('./remote-input.ts');
    await using opened = new DisposeStack();
    const input = await openRemoteInput(request, { host, remotes, opened }, signal);
    const kept = opened.move();
    return { ...input, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
  }
  const path = contextDirectory(context, host.cwd);
  const read = readDockerfile(dockerfile, path, host.cwd);
  return {
    context: path === undefined ? { kind: 'empty' } : { kind: 'directory', path },
    contextTime: noTime,
    dockerfile: read,
    ignoreMatcher: lintIgnoreFile(path, read.hostPath),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
