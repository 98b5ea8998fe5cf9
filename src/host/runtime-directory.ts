import { accessSync, constants, statfsSync } from 'node:fs';

const TMPFS_MAGIC = 0x01021994;

/**
 * An existing directory for what must not outlive this run: in memory where there is one that this user
 * may write to, so that secrets never reach a disk. Others may use it too: make a directory of one's own
 * in it, with a random name.
 */
export function runtimeDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const candidates = [env['XDG_RUNTIME_DIR'], '/run', '/dev/shm', env['TMPDIR'], '/tmp'].filter(
    (folder): folder is string => folder?.startsWith('/') === true && isWritable(folder),
  );
  return (
    candidates.find((folder) => statfsSync(folder).type === TMPFS_MAGIC) ?? candidates[0] ?? '/tmp'
  );
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
