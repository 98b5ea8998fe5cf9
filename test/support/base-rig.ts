import { openRig, type Rig, type RigOptions } from './cli.ts';
import { startBaseRegistry } from './registry-server.ts';

/** A rig in which docker.io and gcr.io are a registry of stand-ins for base images. */
export interface BaseRig extends Rig {
  /** URL of that registry. */
  readonly mirror: string;
  /** A machine of its own, with an empty store, which has the same registry. To be disposed of before this. */
  elsewhere(): Rig;
}

/** Settings of a rig with base images. */
export interface BaseRigOptions extends Omit<RigOptions, 'mirror'> {
  /** As users write them; busybox unless given. */
  readonly images?: readonly string[];
}

/**
 * Opens a rig for builds that start from base images. Disposing of it ends the registry too, whatever
 * is left of the rig.
 */
export async function openBaseRig({
  images = ['busybox:latest'],
  ...options
}: BaseRigOptions = {}): Promise<BaseRig> {
  const registry = await startBaseRegistry(images);
  const open = (): Rig => openRig({ ...options, mirror: registry.url });
  try {
    const rig = open();
    return {
      ...rig,
      mirror: registry.url,
      elsewhere: open,
      async [Symbol.asyncDispose]() {
        await using _registry = registry;
        await rig[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await registry[Symbol.asyncDispose]();
    throw error;
  }
}
