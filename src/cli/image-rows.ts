import type { Store } from '../build/open-store.ts';
import { parseConfig, MAX_CONFIG_BYTES } from '../image/parse-config.ts';
import type { NamedImage } from '../image/image-store.ts';
import { familiarName } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { formatAge, formatBytes } from './format.ts';

/** One line of `images`: an image under one of its names. */
export interface ImageRow {
  /** `<none>` for an image without names. */
  readonly repository: string;
  readonly tag: string;
  /** With its algorithm. */
  readonly id: string;
  readonly digest: string;
  /** RFC 3339, or undefined when the image does not say. */
  readonly createdAt: string | undefined;
  /** Of its files, uncompressed. */
  readonly bytes: number;
}

const NONE = '<none>';

/** The rows of all images, those made last first. */
export function imageRows(store: Store): ImageRow[] {
  const rows = store.images.list().flatMap((image) => rowsOf(image, store));
  return rows.sort((a, b) => compare(b.createdAt ?? '', a.createdAt ?? ''));
}

function rowsOf({ image, references }: NamedImage, store: Store): ImageRow[] {
  const { created } = parseConfig(
    store.blobs.readBytes(image.id, MAX_CONFIG_BYTES),
    image.layers.length,
    references[0] ?? image.id,
  );
  const common = {
    id: image.id,
    digest: image.manifestDigest ?? NONE,
    createdAt: created,
    bytes: image.layers.reduce((sum, { size }) => sum + size, 0),
  };
  if (references.length === 0) return [{ repository: NONE, tag: NONE, ...common }];
  return references.map((reference) => {
    const parsed = parseReference(reference);
    const repository = familiarName({ ...parsed, tag: undefined, digest: undefined });
    return { repository, tag: parsed.tag ?? NONE, ...common };
  });
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
    CreatedAt: row.createdAt ?? 'N/A',
    Size: formatBytes(row.bytes),
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
