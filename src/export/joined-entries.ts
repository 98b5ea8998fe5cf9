import { bytesToText, type BytePath } from '../core/bytes.ts';
import type { LayerEntry } from '../layer/node-entry.ts';
import { unsupportedOutput } from './errors.ts';
import { rootEntries, type RootToExport } from './root-entries.ts';

/**
 * The files of images, one image after the other. Those that go to the same directory are joined:
 * directories that several have are listed once, as the first has them.
 * @throws BuildError UNSUPPORTED when two have a file of the same name, as BuildKit
 */
export function* entriesOfRoots(
  roots: readonly RootToExport[],
  clampMtime: number | undefined,
): Generator<LayerEntry, void> {
  if (roots.length < 2 || roots.every(({ prefix }) => prefix !== '')) {
    for (const root of roots) yield* rootEntries(root, clampMtime);
    return;
  }
  const seen = new Map<
    BytePath,
    { readonly platform: string | undefined; readonly isDirectory: boolean }
  >();
  for (const root of roots) {
    const { platform } = root;
    for (const each of rootEntries(root, clampMtime)) {
      const { name, type } = each.entry;
      const isDirectory = type === 'directory';
      const before = seen.get(name);
      if (before === undefined) {
        seen.set(name, { platform, isDirectory });
        yield each;
      } else if (!isDirectory || !before.isDirectory) {
        throw cannotJoin(bytesToText(name), before.platform, platform);
      }
    }
  }
}

function cannotJoin(name: string, first = '', second = ''): Error {
  return unsupportedOutput(
    'one directory',
    `cannot overwrite ${name} from ${first} with ${second} when split option is disabled`,
    'Leave platform-split=false out, or give the files names of their own.',
  );
}
