import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf, parseDiffId, type ChainId, type DiffId } from '../core/digest.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';

/** What a snapshot is as a layer of an image. */
export interface LayerFacts {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
}

/**
 * Remembers which snapshot is which layer, so that a tar is measured once. All of it can be made again
 * from the snapshots: a record that is lost or torn is simply not there.
 */
export interface LayerIndex {
  /** `epoch` is the SOURCE_DATE_EPOCH that times are clamped to: it decides the bytes of the tar. */
  factsOf(snapshot: SnapshotId, epoch: number | undefined): LayerFacts | undefined;
  putFacts(snapshot: SnapshotId, epoch: number | undefined, facts: LayerFacts): void;
  /** The snapshot whose chain holds exactly the layers of `chain`. It may have been removed since. */
  snapshotOf(chain: ChainId): SnapshotId | undefined;
  putSnapshot(chain: ChainId, snapshot: SnapshotId): void;
}

/** Keeps the index as small files below `dir`. */
export function openLayerIndex(
  dir: string,
  writeFileAtomic: (path: string, content: string) => void,
): LayerIndex {
  const factsDir = join(dir, 'facts');
  const chainsDir = join(dir, 'chains');
  mkdirSync(factsDir, { recursive: true, mode: 0o700 });
  mkdirSync(chainsDir, { recursive: true, mode: 0o700 });
  const factsPath = (snapshot: SnapshotId, epoch: number | undefined): string =>
    join(factsDir, epoch === undefined ? snapshot : `${snapshot}-${String(epoch)}`);
  const chainPath = (chain: ChainId): string => join(chainsDir, hexOf(chain));

  return {
    factsOf(snapshot, epoch) {
      const [diffIdText = '', sizeText = ''] = (readText(factsPath(snapshot, epoch)) ?? '').split(
        ' ',
      );
      const diffId = parseDiffId(diffIdText);
      const size = Number(sizeText);
      return diffId === undefined || sizeText === '' || !Number.isSafeInteger(size)
        ? undefined
        : { diffId, size };
    },
    putFacts(snapshot, epoch, { diffId, size }) {
      writeFileAtomic(factsPath(snapshot, epoch), `${diffId} ${String(size)}`);
    },
    snapshotOf(chain) {
      const text = readText(chainPath(chain))?.trim();
      return text !== undefined && /^[a-z0-9]+$/.test(text) ? (text as SnapshotId) : undefined;
    },
    putSnapshot(chain, snapshot) {
      // A cached build finds all of it here, and a file is read sooner than it is replaced.
      if (readText(chainPath(chain)) !== snapshot) writeFileAtomic(chainPath(chain), snapshot);
    },
  };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
