import { Buffer } from 'node:buffer';
import { digestOf } from '../core/sha256.ts';
import type { Digest } from '../core/digest.ts';
import { formatReference } from '../core/image-reference.ts';
import type { Platform } from '../core/platform.ts';
import { timeText } from '../core/time-text.ts';
import type { ImageConfig } from '../image/config.ts';
import { parseNewName } from '../image/reference.ts';
import { serializeConfig } from '../image/serialize.ts';
import { measureLayer } from '../layer/measure-layer.ts';
import { unpackLayer } from '../layer/unpack.ts';
import { configOfChanges } from './config-changes.ts';
import type { Store } from './open-store.ts';

/** What an imported image is to be. */
export interface ImportOptions {
  /** Its name; undefined for none. */
  readonly name: string | undefined;
  /** For the history: `file.tar`, or `-`. */
  readonly source: string;
  readonly platform: Platform;
  /** Instructions of a Dockerfile, each a line, that change the config. */
  readonly changes: readonly string[];
  /** The comment in the history; Docker's words where left out. */
  readonly message: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Makes an image of one layer of the files of a tar archive, compressed or not.
 * @throws BuildError INVALID_REFERENCE, CHANGE_INVALID, TAR_INVALID, LAYER_*, COMPRESSION_INVALID
 */
export async function importImage(
  archive: AsyncIterable<Uint8Array>,
  options: ImportOptions,
  store: Store,
  signal: AbortSignal,
): Promise<Digest> {
  const { platform, source, now } = options;
  const names = options.name === undefined ? [] : [formatReference(parseNewName(options.name))];
  const created = timeText(now);
  // Before the archive is read, which may take long.
  const config = configOfChanges(options.changes, platform, created);
  await using active = await store.snapshots.prepare(undefined, signal);
  const rules = { lower: undefined, expectedDiffId: undefined };
  const { bytes, entries } = await unpackLayer(archive, active.upper, rules, signal);
  const { id: snapshot, dir } = await active.commit({ bytes, entries, isEmpty: entries === 0 });
  // The archive is not kept: the layer is the one that we write of its files.
  const { diffId, size } = await measureLayer(dir, { clampMtime: undefined }, signal);
  store.layers.putFacts(snapshot, undefined, { diffId, size });
  await store.snapshots.flush();
  const comment = options.message ?? `Imported from ${source}`;
  const image: ImageConfig = {
    ...platform,
    created,
    config,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, comment }],
  };
  const configBytes = serializeConfig(image);
  store.blobs.writeBytes(configBytes);
  const id = digestOf(Buffer.from(configBytes));
  const layer = { diffId, size, snapshot, blob: undefined };
  const stored = { id, layers: [layer], manifestDigest: undefined, storedAt: created };
  await store.images.put(stored, names, signal);
  return id;
}
