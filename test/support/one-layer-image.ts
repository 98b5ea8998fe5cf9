import { gzipSync } from 'node:zlib';
import type { Digest } from '../../src/core/digest.ts';
import { digestOf } from '../../src/core/sha256.ts';
import { tarArchive } from '../../src/layer/tar-archive.ts';
import type { MemoryRegistry } from '../../src/testing/memory-registry.ts';

/** Media type of its manifest. */
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** The only layer of an image. */
export interface OnlyLayer {
  readonly digest: Digest;
  /** As stored: gzip. */
  readonly bytes: Buffer;
}

/** Puts an image `app:1` with one layer of some more bytes than `size` into a registry. */
export async function putOneLayerImage(
  registry: MemoryRegistry,
  size = 3_000_000,
): Promise<OnlyLayer> {
  // Does not compress, so that there is something to break off.
  const data = Buffer.alloc(size);
  for (let at = 0, seed = 7; at < data.length; at += 4) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    data.writeUInt32LE(seed, at);
  }
  const chunks: Uint8Array[] = [];
  const members = [{ type: 'file', name: 'data', bytes: data }] as const;
  for await (const chunk of tarArchive(members, new AbortController().signal)) chunks.push(chunk);
  const tar = Buffer.concat(chunks);
  const bytes = gzipSync(tar, { level: 0 });
  const rootfs = { type: 'layers', diff_ids: [digestOf(tar)] };
  const config = JSON.stringify({ os: 'linux', architecture: 'amd64', config: {}, rootfs });
  const described = (mediaType: string, blob: Buffer | string) => ({
    mediaType,
    digest: registry.putBlob(blob),
    size: Buffer.from(blob).length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: described('application/vnd.oci.image.config.v1+json', config),
    layers: [described('application/vnd.oci.image.layer.v1.tar+gzip', bytes)],
  };
  registry.putManifest('app', '1', manifest, MANIFEST_TYPE);
  return { digest: digestOf(bytes), bytes };
}
