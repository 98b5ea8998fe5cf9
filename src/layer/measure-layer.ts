import { hashHere, type DiffIdHash } from './hash-aside.ts';
import type { LayerFacts } from './layer-index.ts';
import { layerTar, type LayerTarOptions } from './layer-tar.ts';

/** Diff id and size of the layer that a frozen directory is, without keeping its tar. */
export async function measureLayer(
  dir: string,
  options: LayerTarOptions,
  signal: AbortSignal,
  openHash: () => DiffIdHash = hashHere,
): Promise<LayerFacts> {
  using hash = openHash();
  let size = 0;
  for await (const chunk of layerTar(dir, options, signal, hash.room)) {
    hash.update(chunk);
    size += chunk.byteLength;
  }
  return { diffId: await hash.finish(), size };
}
