import { hostPlatform, parsePlatform, type Platform } from '../core/platform.ts';
import { badFlagValue } from './errors.ts';

/** `--platform linux/arm64`. `arch` is `process.arch`. @throws BuildError FLAG_VALUE_INVALID */
export function readPlatform(text: string, arch: string): Platform {
  const platform = parsePlatform(text, hostPlatform(arch));
  if (platform !== undefined) return platform;
  throw badFlagValue('--platform', text, 'expected os/architecture, as in "linux/arm64"');
}
