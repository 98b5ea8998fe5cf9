import { findForPlatform, formatPlatform, type Platform } from '../core/platform.ts';
import { platformText } from '../image/config.ts';
import { platformNotFound } from '../image/errors.ts';
import type { NamedImage } from '../image/image-store.ts';
import { readImageConfig } from './describe-image.ts';
import type { Store } from './open-store.ts';

/** An image that is no part of an index is for one platform. @throws BuildError PLATFORM_NOT_FOUND */
export function checkPlatform(
  name: string,
  image: NamedImage,
  platform: Platform,
  store: Store,
): void {
  const own = platformText(readImageConfig(image, store));
  if (findForPlatform([own], platform) !== undefined) return;
  throw platformNotFound(name, formatPlatform(platform), [own]);
}
