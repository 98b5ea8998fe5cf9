import type { MountChoice } from '../snapshot/choose-mounter.ts';
import { oneOf } from './command.ts';
import type { ConfigFile } from './config-file.ts';

const CHOICES = ['auto', 'overlay', 'copy'] as const;

/**
 * How files are shown to steps: `--snapshotter`, else STAGECRAFT_SNAPSHOTTER, else the configuration file.
 * @throws BuildError FLAG_VALUE_INVALID
 */
export function readMountChoice(
  flag: string | undefined,
  config: Pick<ConfigFile, 'snapshotter'>,
  env: Readonly<Record<string, string | undefined>>,
): MountChoice {
  const fromEnv = env['STAGECRAFT_SNAPSHOTTER'] ?? '';
  if (flag !== undefined) return oneOf('--snapshotter', flag, CHOICES);
  if (fromEnv !== '') return oneOf('STAGECRAFT_SNAPSHOTTER', fromEnv, CHOICES);
  return config.snapshotter ?? 'auto';
}
