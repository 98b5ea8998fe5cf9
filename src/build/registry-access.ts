import type { RegistriesConfig } from '../registry/registries.ts';

/** How registries are reached. */
export interface RegistryAccess {
  readonly registries: RegistriesConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For ~/.docker/config.json. */
  readonly homeDir: string;
  /** `--ca-cert`: paths, or `host`. */
  readonly caCerts?: readonly string[] | undefined;
}
