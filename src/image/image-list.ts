import { parseDiffId, parseDigest, type Digest } from '../core/digest.ts';
import { invalidImage } from './errors.ts';
import { Fields } from './fields.ts';
import { readDescriptor } from './parse-manifest.ts';
import type { StoredImage, StoredLayer } from './stored-image.ts';
import type { StoredIndex } from './stored-index.ts';

/** What `images.json` holds. */
export interface ImageList {
  readonly images: ReadonlyMap<Digest, StoredImage>;
  /** Their images are all in `images`. */
  readonly indexes: ReadonlyMap<Digest, StoredIndex>;
  /** Full references, `docker.io/library/app:latest`, to ids that are in `images` or `indexes`. */
  readonly references: ReadonlyMap<string, Digest>;
}

const VERSION = 1;
const WHAT = 'the list of images';

/** The list of a new store. */
export const EMPTY_LIST: ImageList = {
  images: new Map(),
  indexes: new Map(),
  references: new Map(),
};

/** The file's text: one line an image and a reference, sorted, so that people can read it and compare. */
export function serializeImageList({ images, indexes, references }: ImageList): string {
  const imageLines = linesById(images);
  const indexLines = linesById(indexes);
  const referenceLines = [...references]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, id]) => `    ${JSON.stringify(name)}: ${JSON.stringify(id)}`);
  return [
    '{',
    `  "version": ${VERSION},`,
    '  "references": {',
    referenceLines.join(',\n'),
    '  },',
    ...(indexLines === '' ? [] : ['  "indexes": [', indexLines, '  ],']),
    '  "images": [',
    imageLines,
    '  ]',
    '}',
    '',
  ]
    .filter((line, index, all) => line !== '' || index === all.length - 1)
    .join('\n');
}

function linesById(things: ReadonlyMap<Digest, { readonly id: Digest }>): string {
  return [...things.values()]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((thing) => `    ${JSON.stringify(thing)}`)
    .join(',\n');
}

/** @throws BuildError INVALID_IMAGE when the file is not one that `serializeImageList` wrote. */
export function parseImageList(bytes: Uint8Array): ImageList {
  const fields = new Fields(parseOwnJson(bytes), WHAT);
  const version = fields.integer('version');
  if (version !== VERSION) {
    throw fields.fault('version', `it is ${String(version)}, and only ${VERSION} is known`);
  }
  const images = new Map((fields.objects('images') ?? []).map(readImage).map((it) => [it.id, it]));
  const indexes = new Map(
    (fields.objects('indexes') ?? [])
      .map((each) => readStoredIndex(each, images))
      .map((it) => [it.id, it]),
  );
  const references = new Map<string, Digest>();
  for (const [name, text] of Object.entries(fields.stringMap('references') ?? {})) {
    const id = parseDigest(text);
    if (id === undefined || !(images.has(id) || indexes.has(id))) {
      throw fields.fault('references', `"${name}" is no image of the list`);
    }
    // Names with a digest once kept the tag beside it.
    references.set(name.includes('@') ? name.replace(/:[^/@]*@/, '@') : name, id);
  }
  return { images, indexes, references };
}

/** Nobody else writes this file, and each build reads it: strict parsing takes many times as long. */
function parseOwnJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw invalidImage(WHAT, 'it is not JSON');
  }
}

function readImage(fields: Fields): StoredImage {
  const manifest = fields.string('manifestDigest');
  return {
    id: digestIn(fields, 'id'),
    layers: (fields.objects('layers') ?? []).map(readLayer),
    manifestDigest: manifest === undefined ? undefined : digestIn(fields, 'manifestDigest'),
    storedAt: fields.requiredString('storedAt'),
  };
}

function readStoredIndex(fields: Fields, images: ReadonlyMap<Digest, StoredImage>): StoredIndex {
  const parts = (fields.objects('images') ?? []).map((part) => {
    const id = digestIn(part, 'id');
    if (!images.has(id)) throw part.fault('id', 'it is no image of the list');
    return { platform: part.requiredString('platform'), id };
  });
  const manifest = fields.string('manifestDigest');
  return {
    id: digestIn(fields, 'id'),
    images: parts,
    manifestDigest: manifest === undefined ? undefined : digestIn(fields, 'manifestDigest'),
    storedAt: fields.requiredString('storedAt'),
  };
}

function readLayer(fields: Fields): StoredLayer {
  const diffId = parseDiffId(fields.requiredString('diffId'));
  const size = fields.integer('size');
  if (diffId === undefined || size === undefined) {
    throw invalidImage(WHAT, 'a layer has no diff id or size');
  }
  const blob = fields.object('blob');
  return {
    diffId,
    size,
    snapshot: fields.string('snapshot'),
    clampMtime: fields.integer('clampMtime'),
    blob: blob === undefined ? undefined : readDescriptor(blob),
  };
}

function digestIn(fields: Fields, key: string): Digest {
  const digest = parseDigest(fields.requiredString(key));
  if (digest === undefined) throw fields.fault(key, 'it is not a digest');
  return digest;
}
