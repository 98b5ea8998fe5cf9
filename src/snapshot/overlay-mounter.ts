import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { listsTypes } from '../host/lists-types.ts';
import { COVER, type MountedChain, type Mounter, type MountRequest } from './mounter.ts';
import { MAX_LOWERS, mountOverlay, unmountOverlay, type OverlayDirs } from './overlay-mount.ts';
import { removeTree } from './remove-tree.ts';

/** Shows a chain by mounting it as overlayfs: what is changed lands in `fs` by itself. */
export const overlayMounter: Mounter = {
  mount: (request) => Promise.resolve().then(() => mount(request)),
};

function mount({ base, id, path, lowers, hasCover, floor }: MountRequest): MountedChain {
  const root = join(path, 'merged');
  const own = `active/${id}`;
  for (const name of ['merged', 'work']) mkdirSync(join(path, name), { mode: 0o700 });
  const clear = (): void => {
    removeWork(join(path, 'work'));
    rmdirSync(root);
    if (existsSync(join(path, 'links'))) removeTree(join(path, 'links'));
  };
  const above = [...(hasCover ? [`${own}/${COVER}`] : []), ...lowers.map(({ id }) => `${id}/fs`)];
  // The kernel wants one at least, and takes only so many.
  const hasRoom = above.length < MAX_LOWERS;
  const below = floor !== undefined && hasRoom ? [floor()] : above.length === 0 ? ['empty'] : [];
  const dirs = {
    base,
    lowers: [...above, ...below],
    upper: `${own}/fs`,
    work: `${own}/work`,
    target: `${own}/merged`,
    links: `${own}/links`,
  };
  try {
    checkTypes(base, path);
    mountWritable(dirs);
  } catch (error) {
    clear();
    throw error;
  }
  return {
    root,
    // What was changed is in `fs` already.
    unmount() {
      unmountOverlay(root);
      clear();
      return Promise.resolve();
    },
  };
}

/** Directories with snapshots, on whose file system overlays show what they should. */
const typed = new Set<string>();

/** The kernel mounts them anywhere, and says in its log alone what will go wrong. */
function checkTypes(base: string, path: string): void {
  if (typed.has(base)) return;
  if (!listsTypes(path)) throw new Error('the file system does not list types of files');
  typed.add(base);
}

/** Where the kernel cannot prepare the work directory, it mounts all the same, for reading alone. */
function mountWritable(dirs: OverlayDirs): void {
  mountOverlay(dirs);
  const root = join(dirs.base, dirs.target);
  try {
    accessSync(root, constants.W_OK);
  } catch (error) {
    unmountOverlay(root);
    throw error;
  }
}

/** What the kernel leaves in it after an unmount is known, so that mostly nothing has to be listed. */
function removeWork(work: string): void {
  try {
    // Of a mount with `volatile`.
    unlinkSync(`${work}/work/incompat/volatile/dirty`);
    for (const left of ['/work/incompat/volatile', '/work/incompat', '/work', '']) {
      rmdirSync(work + left);
    }
  } catch {
    removeTree(work);
  }
}

/**
 * Why no overlay can be mounted in `dir`, a directory of this process; undefined when one can. Takes
 * about a millisecond.
 */
export function whyNoOverlay(dir: string): string | undefined {
  let base: string | undefined;
  try {
    base = mkdtempSync(join(dir, 'probe-'));
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(base, name));
    const names = { lowers: ['lower'], upper: 'upper', work: 'work', target: 'merged' };
    checkTypes(base, base);
    mountWritable({ base, ...names, links: 'links' });
    unmountOverlay(join(base, 'merged'));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (base !== undefined) removeTree(base);
  }
}
