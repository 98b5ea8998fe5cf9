import { textToBytes } from '../core/bytes.ts';
import type { ExecOp } from '../ops/op.ts';
import { DATA_ONLY, type SandboxMount } from '../sandbox/sandbox.ts';
import { idMap } from '../tree/copy-up.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { writeOnce } from './network-files.ts';

/** What lets a step of a user with a single id do more, and leaves nothing in the image. */
export interface SingleIdHelp {
  /** For the front of the environment. */
  readonly env: readonly string[];
  readonly mount: SandboxMount;
}

/** In /dev, which is made anew for each step. */
const APT_SETTINGS_TARGET = '/dev/stagecraft-apt.conf';
/** apt downloads as user "_apt", whom a user namespace of a single id does not have. */
const APT_SETTINGS = 'APT::Sandbox::User "root";\n';

/**
 * Lets apt work where the user of this build has no subordinate ids: what belongs to root is all there is.
 * The image's own settings, and those that the Dockerfile names, win over it (apt.conf(5)).
 */
export function openSingleIdHelp(
  op: ExecOp,
  tree: FileTree,
  directory: string,
): SingleIdHelp | undefined {
  if (!idMap().isSingle || op.env.some((entry) => entry.startsWith('APT_CONFIG=')))
    return undefined;
  if (tree.lookup(textToBytes('/usr/bin/apt-get'), { followsLast: true }) === undefined) {
    return undefined;
  }
  const source = writeOnce(directory, 'apt', APT_SETTINGS);
  return {
    env: [`APT_CONFIG=${APT_SETTINGS_TARGET}`],
    mount: {
      type: 'bind',
      source,
      target: APT_SETTINGS_TARGET,
      isReadonly: true,
      without: DATA_ONLY,
    },
  };
}
