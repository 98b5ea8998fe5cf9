import { createHash, type Hash } from 'node:crypto';
import type { ChainId, DiffId, Digest } from './digest.ts';

/** Digest of bytes that are in memory already. Streams use `finishDigest`. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return finishDigest(createHash('sha256').update(bytes));
}

export function finishDigest(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}` as Digest;
}

export function finishDiffId(hash: Hash): DiffId {
  return `sha256:${hash.digest('hex')}` as DiffId;
}

/** ChainID of `diffId` on top of `parent`; the chain of one layer is its own diff id. */
export function chainIdOf(parent: ChainId | undefined, diffId: DiffId): ChainId {
  if (parent === undefined) return diffId as string as ChainId;
  return digestOf(`${parent} ${diffId}`) as string as ChainId;
}
