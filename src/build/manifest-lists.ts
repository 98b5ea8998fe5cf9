import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '../core/digest.ts';
import { familiarName, formatReference } from '../core/image-reference.ts';
import { digestOf } from '../core/sha256.ts';
import { readFileCapped, writeFileAtomic } from '../host/atomic-file.ts';
import { Fields } from '../image/fields.ts';
import type { Descriptor } from '../image/manifest.ts';
import { MAX_MANIFEST_BYTES, readDescriptor } from '../image/parse-manifest.ts';
import { parseReference } from '../image/reference.ts';
import { parseStrictJson } from '../image/strict-json.ts';
import { manifestListExists, manifestListNotFound } from './errors.ts';

/** An image in a registry that a list joins, with the platform that the list says of it. */
export interface ListedImage {
  /** Full name that it was given by. */
  readonly source: string;
  /** Its manifest. */
  readonly descriptor: Descriptor;
}

/** Images of several platforms that are to have one name; kept here until it is pushed. */
export interface ManifestList {
  /** Full name. */
  readonly name: string;
  readonly images: readonly ListedImage[];
}

/** The lists that `manifest create` began, below the store: one small file each. */
export interface ManifestLists {
  /** @throws BuildError MANIFEST_LIST_NOT_FOUND, INVALID_REFERENCE */
  get(name: string): ManifestList;
  find(name: string): ManifestList | undefined;
  /** @throws BuildError MANIFEST_LIST_EXISTS unless `replaces` */
  put(list: ManifestList, replaces: boolean): void;
  /** @throws BuildError MANIFEST_LIST_NOT_FOUND */
  remove(name: string): void;
}

/** Those of the store at `root`. */
export function openManifestLists(root: string): ManifestLists {
  const directory = join(root, 'manifests');
  const pathOf = (name: string): string => join(directory, `${hexOf(digestOf(name))}.json`);

  function find(written: string): ManifestList | undefined {
    const name = formatReference(parseReference(written));
    const bytes = readFileCapped(pathOf(name), MAX_MANIFEST_BYTES);
    return bytes === undefined ? undefined : parseList(bytes, name);
  }

  return {
    find,
    get(written) {
      const list = find(written);
      if (list === undefined) throw manifestListNotFound(written);
      return list;
    },
    put(list, replaces) {
      if (!replaces && find(list.name) !== undefined) {
        throw manifestListExists(familiarName(parseReference(list.name)));
      }
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeFileAtomic(pathOf(list.name), `${JSON.stringify(list, undefined, 2)}\n`);
    },
    remove(written) {
      const list = find(written);
      if (list === undefined) throw manifestListNotFound(written);
      rmSync(pathOf(list.name));
      if (readdirSync(directory).length === 0) rmSync(directory, { recursive: true });
    },
  };
}

/** @throws BuildError INVALID_IMAGE when somebody else wrote to it */
function parseList(bytes: Uint8Array, name: string): ManifestList {
  const what = `the manifest list "${name}"`;
  const fields = new Fields(parseStrictJson(bytes, what), what);
  const images = (fields.objects('images') ?? []).map((image): ListedImage => {
    const descriptor = image.object('descriptor');
    if (descriptor === undefined) throw image.fault('descriptor', 'it is missing');
    return { source: image.requiredString('source'), descriptor: readDescriptor(descriptor) };
  });
  return { name, images };
}
