import type { Platform } from '../core/platform.ts';
import type { BaseImage } from './base-image.ts';
import type { Descriptor } from './manifest.ts';

/** A place that images come from: a registry or an OCI layout directory. */
export interface ImageSource {
  /**
   * Turns a name into manifest, config and layer descriptors. Fetches no layer.
   * @throws BuildError IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, REGISTRY_* …
   */
  resolve(name: string, platform: Platform, signal: AbortSignal): Promise<BaseImage>;
  /**
   * The stored bytes of one layer of a resolved image from byte `offset` on, as they arrive. Verified by
   * whoever stores them.
   */
  openLayer(
    image: BaseImage,
    layer: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
}
