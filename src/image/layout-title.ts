/**
 * How people call an image of an OCI layout: as `--build-context` takes it. `reference` is a tag, a digest,
 * or a name that ends in one of them.
 */
export function layoutTitle(dir: string, reference: string): string {
  const path = dir.length > 1 ? dir.replace(/\/+$/, '') : dir;
  return `oci-layout://${path}${reference.includes(':') ? '@' : ':'}${reference}`;
}
