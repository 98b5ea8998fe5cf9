import { join } from 'node:path';

/** Where Docker's configuration is, or would be: `config.json` in DOCKER_CONFIG, else in ~/.docker. */
export function dockerConfigPath({
  env,
  homeDir,
}: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
}): string {
  const named = env['DOCKER_CONFIG'] ?? '';
  return join(named === '' ? join(homeDir, '.docker') : named, 'config.json');
}
