import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** How a stand-in is started: a part of the OCI image config. */
export type LayoutConfig = Readonly<Record<string, unknown>>;

/** Fast, as these layers are made once and read from the same disk. */
const GZIP_LEVEL = 1;

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';

/** The files of an image for one processor, as an uncompressed tar. */
export interface LayoutRoot {
  readonly architecture: string;
  readonly tar: string;
}

/**
 * Writes an OCI layout of an image with one layer, for one processor or several. Independent of src/ on
 * purpose: what the product reads is then not only what it wrote itself.
 */
export async function writeLayout(
  dir: string,
  roots: readonly LayoutRoot[],
  config: LayoutConfig,
): Promise<void> {
  const blobs = join(dir, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const manifests: object[] = [];
  for (const root of roots) {
    const platform = { os: 'linux', architecture: root.architecture };
    const manifest = await putManifest(blobs, root, config);
    manifests.push({
      mediaType: MANIFEST_TYPE,
      ...manifest,
      ...(roots.length > 1 && { platform }),
    });
  }
  const [top] =
    manifests.length === 1
      ? manifests
      : [
          {
            mediaType: INDEX_TYPE,
            ...putBlob(blobs, { schemaVersion: 2, mediaType: INDEX_TYPE, manifests }),
          },
        ];
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  const index = { schemaVersion: 2, manifests: [{ ...top, annotations }] };
  writeFileSync(join(dir, 'index.json'), JSON.stringify(index));
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}

async function putManifest(
  blobs: string,
  { architecture, tar }: LayoutRoot,
  config: LayoutConfig,
): Promise<{ digest: string; size: number }> {
  const { diffId, digest, size } = await gzipInto(tar, blobs);
  const configDigest = putBlob(blobs, {
    architecture,
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'stand-in made of Debian packages' }],
  });
  return putBlob(blobs, {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configDigest },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size }],
  });
}

async function gzipInto(
  tar: string,
  blobs: string,
): Promise<{ diffId: string; digest: string; size: number }> {
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  const temporary = join(blobs, 'layer.tmp');
  let size = 0;
  await pipeline(
    createReadStream(tar),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        plain.update(chunk);
        yield chunk;
      }
    },
    createGzip({ level: GZIP_LEVEL }),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        packed.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    },
    createWriteStream(temporary),
  );
  const hex = packed.digest('hex');
  renameSync(temporary, join(blobs, hex));
  return { diffId: `sha256:${plain.digest('hex')}`, digest: `sha256:${hex}`, size };
}

function putBlob(blobs: string, value: object): { digest: string; size: number } {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(join(blobs, hex), bytes);
  return { digest: `sha256:${hex}`, size: bytes.length };
}
