import { parseDigest, type Digest } from '../core/digest.ts';
import type { Descriptor } from '../image/manifest.ts';

/** Indexes may hold indexes; a legitimate one does so once. */
const MAX_DEPTH = 8;

/**
 * All blobs that these manifests and indexes lead to, whoever wrote them. Undefined when one of them
 * cannot be read: then nobody knows.
 */
export function reachableDigests(
  entries: readonly Pick<Descriptor, 'digest'>[],
  read: (digest: Digest) => Uint8Array | undefined,
): ReadonlySet<Digest> | undefined {
  const found = new Set<Digest>();
  const seen = new Set<Digest>();
  let level = entries.map(({ digest }) => digest);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return undefined;
    const next: Digest[] = [];
    for (const digest of level) {
      if (seen.has(digest)) continue;
      seen.add(digest);
      found.add(digest);
      const named = namedIn(read(digest));
      if (named === undefined) return undefined;
      for (const blob of named.blobs) found.add(blob);
      next.push(...named.manifests);
    }
    level = next;
  }
  return found;
}

interface Named {
  readonly blobs: readonly Digest[];
  readonly manifests: readonly Digest[];
}

/** What a manifest or index names, as far as garbage is concerned: read without trust or opinion. */
function namedIn(bytes: Uint8Array | undefined): Named | undefined {
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { config, layers, manifests, blobs } = value as Partial<Record<string, unknown>>;
  const entries = digestsOf(manifests);
  // An index of BuildKit names its layers as if they were manifests.
  const isList = config === undefined && layers === undefined && manifestTypes(manifests);
  return {
    blobs: [...digestsOf([config]), ...digestsOf(layers), ...digestsOf(blobs), ...entries],
    manifests: isList ? entries : [],
  };
}

function manifestTypes(list: unknown): boolean {
  return asObjects(list).every(
    ({ mediaType }) => typeof mediaType === 'string' && /\.(manifest|index)\b/.test(mediaType),
  );
}

function digestsOf(list: unknown): Digest[] {
  return asObjects(list).flatMap(({ digest }) => {
    const parsed = typeof digest === 'string' ? parseDigest(digest) : undefined;
    return parsed === undefined ? [] : [parsed];
  });
}

function asObjects(list: unknown): readonly Partial<Record<string, unknown>>[] {
  return (Array.isArray(list) ? (list as unknown[]) : []).filter(
    (item): item is Partial<Record<string, unknown>> => typeof item === 'object' && item !== null,
  );
}
