import { BuildError } from '../diagnostics/build-error.ts';

/** A snapshot that something still refers to is not in the store. */
export function snapshotNotFound(id: string): BuildError {
  return new BuildError({
    code: 'SNAPSHOT_NOT_FOUND',
    class: 'host',
    message: `Cannot read snapshot "${id}": it is not in the store`,
    hint: 'Build again, or pull the image again',
  });
}

/** A snapshot cannot go while others are built on it. */
export function snapshotHasChildren(id: string, child: string): BuildError {
  return new BuildError({
    code: 'SNAPSHOT_HAS_CHILDREN',
    class: 'host',
    message: `Cannot remove snapshot "${id}": snapshot "${child}" is built on it`,
    hint: undefined,
  });
}

/** Overlayfs was asked for, and this host or file system cannot do it. */
export function overlayUnavailable(reason: string, cause: unknown): BuildError {
  return new BuildError({
    code: 'OVERLAY_UNAVAILABLE',
    class: 'host',
    message: `Cannot show files to a step with overlayfs: ${reason}`,
    hint: 'Leave out --snapshotter=overlay, or put the store on another file system with --root',
    cause,
  });
}
