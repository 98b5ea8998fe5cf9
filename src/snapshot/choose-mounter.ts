import { BuildError } from '../diagnostics/build-error.ts';
import { overlayUnavailable } from './errors.ts';
import type { MountedChain, Mounter, MountKind, MountRequest } from './mounter.ts';
import { MAX_LOWERS } from './overlay-mount.ts';
import { overlayMounter, whyNoOverlay } from './overlay-mounter.ts';

/** `auto` is overlayfs where it can be mounted, else copies. */
export type MountChoice = MountKind | 'auto';

/**
 * The mounter for a store. With `auto`, overlayfs is tried; when a mount fails, one of next to nothing in
 * `probeDir` tells whether it is the host that cannot do it. Then, and from then on, files are copied; so
 * are those of a chain that is longer than the kernel stacks. `onFallback` is called once with the
 * reason. Nothing is probed while mounts succeed.
 */
export function chooseMounter(
  choice: MountChoice,
  probeDir: string,
  onFallback: (reason: string) => void,
): Mounter {
  if (choice === 'overlay') return insistOnOverlay(probeDir);
  if (choice === 'copy') return { mount: mountCopy };
  let isWithoutOverlay = false;
  let isTold = false;
  const tell = (reason: string): void => {
    if (!isTold) onFallback(reason);
    isTold = true;
  };
  return {
    async mount(request, signal) {
      if (isWithoutOverlay) return mountCopy(request, signal);
      if (request.lowers.length + (request.hasCover ? 1 : 0) > MAX_LOWERS) {
        tell(`overlayfs stacks at most ${String(MAX_LOWERS)} layers`);
        return mountCopy(request, signal);
      }
      try {
        return await overlayMounter.mount(request, signal);
      } catch (error) {
        const reason = error instanceof BuildError ? undefined : whyNoOverlay(probeDir);
        if (reason === undefined) throw error;
        tell(`overlayfs cannot be mounted here (${reason})`);
        isWithoutOverlay = true;
        return mountCopy(request, signal);
      }
    },
  };
}

function insistOnOverlay(probeDir: string): Mounter {
  return {
    async mount(request, signal) {
      try {
        return await overlayMounter.mount(request, signal);
      } catch (error) {
        const reason = error instanceof BuildError ? undefined : whyNoOverlay(probeDir);
        throw reason === undefined ? error : overlayUnavailable(reason, error);
      }
    },
  };
}

/** Loaded when it is needed, which it is on few hosts. */
async function mountCopy(request: MountRequest, signal: AbortSignal): Promise<MountedChain> {
  const { copyMounter } = await import('./copy-mounter.ts');
  return copyMounter.mount(request, signal);
}
