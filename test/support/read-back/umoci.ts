import { promises } from 'node:fs';
import { callTool } from './call-tool.ts';
import type { BuiltImage } from './collect.ts';
import { listArchive, type Files } from './file-lists.ts';

/**
 * Unpacks an image with umoci into `bundle`, which checks digests and diff ids and makes a configuration for
 * runtimes; gives the files. Of an image that umoci cannot read, skopeo's `copy` is unpacked.
 * @throws Error with what umoci said
 */
export async function unpackWithUmoci(
  image: BuiltImage,
  copy: string,
  bundle: string,
): Promise<Files> {
  const isReadable = whyUnreadable(image) === undefined;
  const name = isReadable ? image.source.replace(/^oci:/, '') : `${copy}:copy`;
  const rights = process.getuid?.() === 0 ? [] : ['--rootless'];
  try {
    await callTool('umoci', ['unpack', ...rights, '--image', name, bundle]);
    return await listArchive(['tar', '-C', `${bundle}/rootfs`, '-cf', '-', '.']);
  } finally {
    await promises.rm(bundle, { recursive: true, force: true });
  }
}

/** Why umoci 0.4 cannot read an image as it is; undefined when it can. */
export function whyUnreadable({
  source,
  layerTypes,
}: Pick<BuiltImage, 'source' | 'layerTypes'>): string | undefined {
  if (!source.startsWith('oci:')) return "it has Docker's own types";
  if (layerTypes.some((type) => type.endsWith('+zstd'))) return 'it has layers of zstd';
  return undefined;
}
