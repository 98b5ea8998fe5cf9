import { existsSync } from 'node:fs';

/** What this process runs in, as far as remedies differ. */
export type Surroundings = 'docker' | 'podman' | 'kubernetes' | 'host';

/**
 * Told by the files that Docker and Podman put into containers, and by the variable that Kubernetes sets.
 * `hasFile` is for tests.
 */
export function findSurroundings(
  env: Readonly<Record<string, string | undefined>>,
  hasFile: (path: string) => boolean = existsSync,
): Surroundings {
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined) return 'kubernetes';
  if (hasFile('/run/.containerenv')) return 'podman';
  return hasFile('/.dockerenv') ? 'docker' : 'host';
}

const REMEDIES: Readonly<Record<Surroundings, string>> = {
  docker:
    'Start this container with: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined',
  podman: 'Start this container with: podman run --security-opt seccomp=unconfined',
  kubernetes:
    'Give this container the securityContext: seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}',
  host: 'Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0), or run as root',
};

/** What lets this process make namespaces, as one sentence: flags of the program that made the container. */
export function namespaceRemedy(surroundings: Surroundings): string {
  return REMEDIES[surroundings];
}
