import { closeSync, fchmodSync, mkdirSync, openSync, chmodSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The places that every step has something mounted on, for the floor of its view (`Floor` in snapshot/).
 * Images mostly lack some of them. Where they are seen already, `prepareRoot` need not make them in the
 * step's own layer and remove them afterwards: that was half of what a short step wrote to the disk.
 */
export const STEP_FLOOR = {
  name: 'step1',
  fill(dir: string): void {
    const directories = ['dev', 'etc', 'proc', 'sys'].map((name) => join(dir, name));
    const files = ['hosts', 'resolv.conf'].map((name) => join(dir, 'etc', name));
    // Whatever the umask is.
    for (const path of directories) {
      mkdirSync(path);
      chmodSync(path, 0o755);
    }
    for (const path of files) {
      const fd = openSync(path, 'wx');
      fchmodSync(fd, 0o644);
      closeSync(fd);
    }
    // A step may copy /etc, with its time: no store's differs from another's.
    for (const path of [...files, ...directories]) utimesSync(path, 0, 0);
  },
};
