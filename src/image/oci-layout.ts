import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf, parseDigest, type Digest } from '../core/digest.ts';
import type { BlobStore } from '../content/blob-store.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import type { ImageSource } from './image-source.ts';
import { imageNotFound, invalidImage, shown } from './errors.ts';
import type { Descriptor } from './manifest.ts';
import { layoutTitle } from './layout-title.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from './parse-manifest.ts';
import { Fields } from './fields.ts';
import { parseStrictJson } from './strict-json.ts';
import { resolveImage } from './resolve-image.ts';

const REF_NAME = 'org.opencontainers.image.ref.name';
const READ_CHUNK_BYTES = 1024 * 1024;

/**
 * Images of one OCI layout directory (OCI image-spec image-layout.md). Reads nothing before the first
 * `resolve`, whose name is a digest, a tag, or a name that ends in one of them (`app:v1`); when the layout
 * has one image, `latest` means that one, and so does any name when the layout gives it none. Manifests and
 * configs are copied to `blobs`. Errors are IMAGE_NOT_FOUND (lists the tags), INVALID_IMAGE (a missing blob too) and PLATFORM_NOT_FOUND.
 */
export function createLayoutImageSource(dir: string, blobs: BlobStore): ImageSource {
  return {
    async resolve(name, platform, signal) {
      const entry = chooseEntry(readIndex(dir), name, dir);
      const kept: Uint8Array[] = [];
      const fetch = (descriptor: Descriptor, maxBytes: number): Promise<Uint8Array> => {
        signal.throwIfAborted();
        const bytes = readBlob(dir, descriptor.digest, maxBytes);
        kept.push(bytes);
        return Promise.resolve(bytes);
      };
      const bytes = await fetch(entry, MAX_MANIFEST_BYTES);
      const root = { bytes, digest: entry.digest, mediaType: entry.mediaType };
      const image = await resolveImage(layoutTitle(dir, name), root, platform, fetch);
      // All of them are checked by now.
      for (const document of kept) blobs.writeBytes(document);
      return image;
    },
    openLayer(_image, layer, offset, signal) {
      return Promise.resolve(openBlob(dir, layer.digest, offset, signal));
    },
  };
}

/** The entries of `index.json`, after checking that this is a layout at all. */
function readIndex(dir: string): readonly Descriptor[] {
  const what = `the OCI layout "${shown(dir)}"`;
  const marker = readFileCapped(join(dir, 'oci-layout'), MAX_MANIFEST_BYTES);
  if (marker === undefined) throw invalidImage(what, 'it has no file "oci-layout"');
  const version = new Fields(parseStrictJson(marker, what), what).string('imageLayoutVersion');
  if (version?.startsWith('1.') !== true) {
    throw invalidImage(what, `its version is "${shown(version ?? '')}", and only 1 is known`);
  }
  const index = readFileCapped(join(dir, 'index.json'), MAX_MANIFEST_BYTES);
  if (index === undefined) throw invalidImage(what, 'it has no file "index.json"');
  const parsed = parseManifest(index, undefined, what);
  if (parsed.kind !== 'index') throw invalidImage(what, '"index.json" is not an index');
  return parsed.index.manifests;
}

function chooseEntry(entries: readonly Descriptor[], name: string, dir: string): Descriptor {
  const digest = digestAtEnd(name);
  const tag = tagAtEnd(name);
  const found =
    digest === undefined
      ? (entries.find((entry) => namesOf(entry).includes(name)) ??
        entries.find((entry) => namesOf(entry).some((known) => known === tag)))
      : entries.find((entry) => entry.digest === digest);
  if (found !== undefined) return found;
  const [only] = new Map(entries.map((entry) => [entry.digest, entry])).values();
  const isOnly = only !== undefined && entries.every((entry) => entry.digest === only.digest);
  // A digest that is not in the index may be of an image inside a nested index; the bytes decide.
  if (digest !== undefined) return digestEntry(dir, digest, name);
  if (isOnly && (name === 'latest' || entries.every((entry) => namesOf(entry).length === 0))) {
    return only;
  }
  const tags = [...new Set(entries.flatMap(namesOf))];
  const known = tags.length === 0 ? 'its images have no tags' : `it has ${tags.join(', ')}`;
  const hint =
    tags[0] === undefined ? 'Name one by its digest.' : `Name one, e.g. "${shown(tags[0])}".`;
  const where =
    entries.length === 0
      ? 'the OCI layout has no images'
      : `the OCI layout has no such tag: ${known}`;
  throw imageNotFound(layoutTitle(dir, name), where, entries.length === 0 ? undefined : hint);
}

/** Full names, as some tools write them, and the tags at their end. */
function namesOf({ annotations }: Descriptor): readonly string[] {
  const name = annotations?.[REF_NAME];
  if (name === undefined) return [];
  const tag = tagAtEnd(name);
  return tag === undefined || tag === name ? [name] : [name, tag];
}

function digestAtEnd(name: string): Digest | undefined {
  return parseDigest(name.slice(name.lastIndexOf('@') + 1));
}

function tagAtEnd(name: string): string | undefined {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(colon + 1) : undefined;
}

function digestEntry(dir: string, digest: Digest, name: string): Descriptor {
  const bytes = readFileCapped(blobPath(dir, digest), MAX_MANIFEST_BYTES);
  if (bytes === undefined)
    throw imageNotFound(layoutTitle(dir, name), 'the OCI layout has no blob of that digest');
  const { mediaType } = parseManifest(bytes, undefined, `the manifest of "${shown(name)}"`);
  return { mediaType, digest, size: bytes.length };
}

function readBlob(dir: string, digest: Digest, maxBytes: number): Buffer {
  const bytes = readFileCapped(blobPath(dir, digest), maxBytes);
  if (bytes !== undefined) return bytes;
  throw invalidImage(`the OCI layout "${shown(dir)}"`, `it has no blob ${digest}`);
}

function blobPath(dir: string, digest: Digest): string {
  return join(dir, 'blobs', 'sha256', hexOf(digest));
}

/** Opened when it is first read, so that nobody has to close what was never used. */
async function* openBlob(
  dir: string,
  digest: Digest,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const path = blobPath(dir, digest);
  // A pipe or device would wait; whatever else stands there fails by its digest.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw invalidImage(`the OCI layout "${shown(dir)}"`, `it has no blob ${digest}`);
  }
  yield* createReadStream(path, { signal, highWaterMark: READ_CHUNK_BYTES, start: offset });
}
