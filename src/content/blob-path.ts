import { join } from 'node:path';
import { hexOf, type Digest } from '../core/digest.ts';

/**
 * Where a blob is below a store or an OCI image layout: `blobs/sha256/<hex>` (OCI image-layout.md).
 * Safe by the type: a `Digest` was checked by grammar when it was parsed.
 */
export function blobPath(root: string, digest: Digest): string {
  return join(root, 'blobs', 'sha256', hexOf(digest));
}
