import type { PlannedMount, RunStep } from '../stages/planned-step.ts';
import type { FileSource } from '../stages/stage-graph.ts';
import { mountTargetInvalid, secretUnnamed, sshSourceInvalid } from './errors.ts';
import { baseName, cleanPath, joinPath } from './image-path.ts';
import type { Mount, OpId } from './op.ts';

/** What mounts are lowered with. */
export interface MountScope {
  /** WORKDIR, clean. */
  readonly cwd: string;
  /** The op that gives the files; undefined is scratch. */
  readonly files: (source: FileSource) => OpId | undefined;
  readonly cacheMountNamespace: string;
}

/** The mounts of a RUN step, in order. */
export function lowerMounts({ mounts }: RunStep, scope: MountScope): Mount[] {
  let agents = 0;
  return mounts.map((mount) => {
    if (mount.type === 'ssh') return sshMount(mount, agents++, scope);
    if (mount.type === 'secret') return secretMount(mount, scope);
    const target = targetOf(mount, mount.target ?? '', scope);
    if (mount.type === 'tmpfs') return { type: 'tmpfs', target, sizeBytes: sizeOf(mount) };
    const from = mount.from === undefined ? undefined : scope.files(mount.from);
    const source = cleanPath(mount.source ?? '');
    if (mount.type === 'bind') {
      return { type: 'bind', from, source, target, isReadonly: mount.isReadOnly };
    }
    return {
      type: 'cache',
      // The target as written, so that a relative one is the same cache whatever WORKDIR is.
      id: `${scope.cacheMountNamespace}/${mount.id ?? cleanTarget(mount.target ?? '')}`,
      target,
      from,
      source,
      sharing: mount.sharing ?? 'shared',
      isReadonly: mount.isReadOnly,
      mode: mount.mode ?? 0o755,
      uid: mount.uid ?? 0,
      gid: mount.gid ?? 0,
    };
  });
}

/** No size is no limit. */
function sizeOf({ sizeBytes }: PlannedMount): number | undefined {
  return sizeBytes === 0 ? undefined : sizeBytes;
}

function secretMount(mount: PlannedMount, scope: MountScope): Mount {
  const target = nonEmpty(mount.target);
  const id = nonEmpty(mount.source) ?? nonEmpty(mount.id) ?? baseName(target ?? '');
  if (id === '') throw secretUnnamed(mount.span);
  const file = target ?? (mount.env === undefined ? `/run/secrets/${baseName(id)}` : undefined);
  return {
    type: 'secret',
    id,
    target: file === undefined ? undefined : targetOf(mount, file, scope),
    // `env` without a value is the variable named like the secret.
    env: mount.env === '' ? id : mount.env,
    isRequired: mount.isRequired,
    mode: mount.mode ?? 0o400,
    uid: mount.uid ?? 0,
    gid: mount.gid ?? 0,
  };
}

function sshMount(mount: PlannedMount, index: number, scope: MountScope): Mount {
  if (nonEmpty(mount.source) !== undefined) throw sshSourceInvalid(mount.span);
  const target = nonEmpty(mount.target) ?? `/run/buildkit/ssh_agent.${index}`;
  return {
    type: 'ssh',
    id: nonEmpty(mount.id) ?? 'default',
    target: targetOf(mount, target, scope),
    isRequired: mount.isRequired,
    mode: mount.mode ?? 0o600,
    uid: mount.uid ?? 0,
    gid: mount.gid ?? 0,
  };
}

/** Relative targets start at WORKDIR. Nothing may cover the whole file system. */
function targetOf(mount: PlannedMount, written: string, { cwd }: MountScope): string {
  const target = joinPath(cwd, written);
  if (target === '/') throw mountTargetInvalid(written, mount.span);
  return target;
}

/** Go's `path.Clean`, for relative paths too. */
function cleanTarget(target: string): string {
  return target.startsWith('/') ? cleanPath(target) : cleanPath(target).slice(1);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
