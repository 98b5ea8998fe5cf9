import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** How a stand-in is started: a part of the OCI image config. */
export type LayoutConfig = Readonly<Record<string, unknown>>;

/** Fast, as these layers are made once and read from the same disk. */
const GZIP_LEVEL = 1;

/**
 * Writes an OCI layout of one layer from an uncompressed tar. Independent of src/ on purpose: what the
 * product reads is then not only what it wrote itself.
 */
export async function writeLayout(dir: string, tar: string, config: LayoutConfig): Promise<void> {
  const blobs = join(dir, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const { diffId, digest, size } = await gzipInto(tar, blobs);
  const configDigest = putBlob(blobs, {
    architecture: 'amd64',
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created: '2026-01-01T00:00:00Z', created_by: 'stand-in made of Debian packages' }],
  });
  const manifest = putBlob(blobs, {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configDigest },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size }],
  });
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        ...manifest,
        annotations: { 'org.opencontainers.image.ref.name': 'latest' },
      },
    ],
  };
  writeFileSync(join(dir, 'index.json'), JSON.stringify(index));
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
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
