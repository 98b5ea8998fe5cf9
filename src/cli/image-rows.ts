import { layerBytesIn, totalBytes } from '../build/layer-bytes.ts';
import type { Store } from '../build/open-store.ts';
import { parseConfig, MAX_CONFIG_BYTES } from '../image/parse-config.ts';
import type { NamedImage, NamedIndex } from '../image/image-store.ts';
import { familiarName } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import type { StoredImage } from '../image/stored-image.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { formatAge, formatBytes } from './format.ts';

/** One line of `images`: an image, or those of several platforms, under one of its names. */
export interface ImageRow {
  /** `<none>` for an image without names. */
  readonly repository: string;
  readonly tag: string;
  /** With its algorithm. */
  readonly id: string;
  readonly digest: string;
  /** RFC 3339, or undefined when the image does not say. */
  readonly createdAt: string | undefined;
  /** Of the content of its files, as Docker counts. */
  readonly bytes: number;
  /** On the disk, of layers that no other image has: what removing it can set free. */
  readonly uniqueBytes: number;
  readonly labels: Readonly<Record<string, string>>;
}

const NONE = '<none>';

/** The rows of all images, those made last first. */
export function imageRows(store: Store): ImageRow[] {
  const users = layerUsers(store);
  const indexes = store.images.listIndexes();
  const indexed = new Set(indexes.flatMap(({ images }) => images.map(({ id }) => id)));
  const rows = [
    // Images that only an index names are shown by its row.
    ...store.images
      .list()
      .filter(({ image, references }) => references.length > 0 || !indexed.has(image.id))
      .flatMap((image) => rowsOf(image, store, users)),
    ...indexes.flatMap((index) => indexRows(index, store, users)),
  ];
  return rows.sort((a, b) => compare(b.createdAt ?? '', a.createdAt ?? ''));
}

function rowsOf({ image, references }: NamedImage, store: Store, users: LayerUsers): ImageRow[] {
  const bytesOf = layerBytesIn(store.snapshots);
  const { created, config } = parseConfig(
    store.blobs.readBytes(image.id, MAX_CONFIG_BYTES),
    image.layers.length,
    references[0] ?? image.id,
  );
  return namedRows(references, {
    id: image.id,
    digest: image.manifestDigest ?? NONE,
    createdAt: created,
    bytes: image.layers.reduce((sum, layer) => sum + bytesOf(layer), 0),
    uniqueBytes: uniqueBytes([image], store, users),
    labels: config.Labels ?? {},
  });
}

/** How many images have a snapshot as a layer. */
type LayerUsers = ReadonlyMap<string, number>;

function layerUsers(store: Store): LayerUsers {
  const users = new Map<string, number>();
  for (const { image } of store.images.list()) {
    for (const { snapshot } of image.layers) {
      if (snapshot !== undefined) users.set(snapshot, (users.get(snapshot) ?? 0) + 1);
    }
  }
  return users;
}

/** Of the layers that only these images have. */
function uniqueBytes(images: readonly StoredImage[], store: Store, users: LayerUsers): number {
  const own = new Map<string, number>();
  for (const { snapshot } of images.flatMap(({ layers }) => layers)) {
    if (snapshot !== undefined) own.set(snapshot, (own.get(snapshot) ?? 0) + 1);
  }
  return [...own]
    .filter(([snapshot, count]) => users.get(snapshot) === count)
    .reduce((sum, [id]) => sum + (store.snapshots.get(id as SnapshotId)?.bytes ?? 0), 0);
}

/** As old as its first image; as large as the layers of all, each once. */
function indexRows(
  { index, images, references }: NamedIndex,
  store: Store,
  users: LayerUsers,
): ImageRow[] {
  const layers = images.flatMap((image) => image.layers);
  const [first] = images.flatMap((image) => rowsOf({ image, references: [] }, store, users));
  return namedRows(references, {
    id: index.id,
    digest: index.manifestDigest ?? NONE,
    createdAt: first?.createdAt,
    bytes: totalBytes(layers, layerBytesIn(store.snapshots)),
    uniqueBytes: uniqueBytes(images, store, users),
    labels: first?.labels ?? {},
  });
}

function namedRows(
  references: readonly string[],
  common: Omit<ImageRow, 'repository' | 'tag'>,
): ImageRow[] {
  if (references.length === 0) return [{ repository: NONE, tag: NONE, ...common }];
  const names = references.map((reference) => {
    const parsed = parseReference(reference);
    const repository = familiarName({ ...parsed, tag: undefined, digest: undefined });
    return { repository, tag: parsed.tag ?? NONE };
  });
  const tagged = new Set(names.flatMap((name) => (name.tag === NONE ? [] : [name.repository])));
  // As with Docker, a digest has no row beside a tag of its repository.
  return names
    .filter(({ repository, tag }) => tag !== NONE || !tagged.has(repository))
    .map((name) => ({ ...name, ...common }));
}

/** The first 12 digits, as Docker shows ids. */
function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

/** The headings of the columns, by the names that templates use. */
export const IMAGE_HEADINGS = {
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  ID: 'IMAGE ID',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
  VirtualSize: 'VIRTUAL SIZE',
  Containers: 'CONTAINERS',
} as const;

/** A row as text, by the names that templates use. */
export function imageFields(
  row: ImageRow,
  isWhole: boolean,
  now: number,
): Record<keyof typeof IMAGE_HEADINGS, string> {
  const created = row.createdAt === undefined ? Number.NaN : Date.parse(row.createdAt);
  return {
    Repository: row.repository,
    Tag: row.tag,
    Digest: row.digest,
    ID: isWhole ? row.id : shortId(row.id),
    CreatedSince: Number.isNaN(created) ? 'N/A' : formatAge(now - created),
    CreatedAt: Number.isNaN(created) ? 'N/A' : goTime(created),
    Size: formatBytes(row.bytes),
    SharedSize: formatBytes(Math.max(row.bytes - row.uniqueBytes, 0)),
    UniqueSize: formatBytes(row.uniqueBytes),
    VirtualSize: formatBytes(row.bytes),
    // As Docker says where it does not count them.
    Containers: 'N/A',
  };
}

/** As Go prints a time in UTC: `2026-01-02 03:04:05 +0000 UTC`. */
function goTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
