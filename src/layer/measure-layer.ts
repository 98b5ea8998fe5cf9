import { createHash } from 'node:crypto';
import { finishDiffId } from '../core/sha256.ts';
import type { LayerFacts } from './layer-index.ts';
import { layerTar, type LayerTarOptions } from './layer-tar.ts';

/** Diff id and size of the layer that a frozen directory is, without keeping its tar. */
export async function measureLayer(
  dir: string,
  options: LayerTarOptions,
  signal: AbortSignal,
): Promise<LayerFacts> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of layerTar(dir, options, signal)) {
    hash.update(chunk);
    size += chunk.byteLength;
  }
  return { diffId: finishDiffId(hash), size };
}
