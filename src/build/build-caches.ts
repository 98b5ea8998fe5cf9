import type { CacheRecord } from '../cache/cache-store.ts';
import type { OpId } from '../ops/op.ts';
import type { CacheSource } from '../remote-cache/cache-option.ts';
import type { ExportCacheDeps, OuterTarget } from './export-caches.ts';
import type { FinishedImage } from './finish-image.ts';
import type { ImportedCaches } from './import-caches.ts';
import type { BuildRequest } from './request.ts';

/** Where a build takes results of others from, and leaves its own. */
export interface CacheOptions {
  readonly sources: readonly CacheSource[];
  readonly targets: readonly OuterTarget[];
  /** The image has the results of its steps in its config. */
  readonly isInline: boolean;
}

/** The build argument that asks BuildKit for an inline cache. */
const INLINE_ARGUMENT = 'BUILDKIT_INLINE_CACHE';

/**
 * Reads `--cache-from`, `--cache-to` and the build argument BUILDKIT_INLINE_CACHE, before any work.
 * @throws BuildError CACHE_OPTION_INVALID, INVALID_REFERENCE, UNSUPPORTED
 */
export async function readCacheOptions(request: BuildRequest, cwd: string): Promise<CacheOptions> {
  const { cacheFrom, cacheTo, buildArgs } = request;
  const argument = buildArgs.get(INLINE_ARGUMENT) ?? '';
  const isAsked = ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(argument);
  if (cacheFrom.length === 0 && cacheTo.length === 0) {
    return { sources: [], targets: [], isInline: isAsked };
  }
  const { parseCacheSource, parseCacheTarget } = await import('../remote-cache/cache-option.ts');
  const all = cacheTo.map((text) => parseCacheTarget(text, cwd));
  const targets = all.filter((target) => target.type !== 'inline');
  return {
    sources: cacheFrom.map((text) => parseCacheSource(text, cwd)),
    targets,
    isInline: isAsked || targets.length < all.length,
  };
}

/** The caches of one build. Most have none, and load nothing of this. */
export interface BuildCaches extends AsyncDisposable {
  readonly imports: ImportedCaches | undefined;
  /** The image with the results of its steps in it, where that was asked for. */
  withInline(image: FinishedImage, records: ReadonlyMap<OpId, CacheRecord>): FinishedImage;
  /** Writes the results to where `--cache-to` says. */
  write(records: ReadonlyMap<OpId, CacheRecord>, signal: AbortSignal): Promise<void>;
}

/** Opens the caches that a build reads. One that cannot be read is told in a line and passed over. */
export async function openBuildCaches(
  { sources, targets, isInline }: CacheOptions,
  deps: Omit<ExportCacheDeps, 'records' | 'imports'>,
  signal: AbortSignal,
): Promise<BuildCaches> {
  const imports = sources.length === 0 ? undefined : await openImports(sources, deps, signal);
  const inline = isInline ? await import('./inline-cache.ts') : undefined;
  return {
    imports,
    withInline: (image, records) =>
      inline?.withInlineCache(image, { ...deps, records, imports }) ?? image,
    async write(records, writeSignal) {
      if (targets.length === 0) return;
      const { exportCaches } = await import('./export-caches.ts');
      await exportCaches(targets, { ...deps, records, imports }, writeSignal);
    },
    [Symbol.asyncDispose]: async () => imports?.[Symbol.asyncDispose](),
  };
}

async function openImports(
  sources: readonly CacheSource[],
  deps: Omit<ExportCacheDeps, 'records' | 'imports'>,
  signal: AbortSignal,
): Promise<ImportedCaches> {
  const task = 'import caches';
  deps.emit({ type: 'task-started', task, name: 'importing caches', at: deps.elapsed() });
  const { importCaches } = await import('./import-caches.ts');
  const note = (text: string): void => deps.emit({ type: 'note', text });
  const imports = await importCaches(sources, { ...deps, note }, signal);
  deps.emit({ type: 'task-done', task, at: deps.elapsed(), detail: undefined });
  return imports;
}
