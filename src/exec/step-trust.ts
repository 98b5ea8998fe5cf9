import type { ExecOp } from '../ops/op.ts';
import { DATA_ONLY, type SandboxMount } from '../sandbox/sandbox.ts';
import { textToBytes } from '../core/bytes.ts';
import type { FileTree } from '../tree/file-tree.ts';
import type { Authority } from '../trust/authorities.ts';
import { coverBundles } from '../trust/trust-cover.ts';
import { TRUST_DIRECTORY, writeTrustFiles } from '../trust/trust-files.ts';

/** The authorities that steps are to trust (`--ca-cert`). Not part of any key: they lead to the same files. */
export interface GivenAuthorities {
  readonly authorities: readonly Authority[];
  /** Those that Node comes with, in PEM form. */
  readonly publicRoots: readonly string[];
}

/** What trust in a step is made from. */
export interface StepTrustDeps {
  /** Host directory for the files that steps see. */
  readonly networkFileDir: string;
  /** Read when the first step runs; left out or undefined when none were given. */
  authorities?(): Promise<GivenAuthorities | undefined>;
}

/** What makes a step trust the authorities of its build. */
export interface StepTrust {
  /** For the front of the environment. */
  readonly env: readonly string[];
  readonly mount: SandboxMount;
  /** For the layer between the image and the step. */
  readonly fill: (dir: string) => void;
  /** Takes what was added out of what the step wrote. */
  readonly strip: (upper: string) => void;
}

/** Undefined when no authorities were given. */
export async function openStepTrust(
  op: ExecOp,
  tree: FileTree,
  home: string,
  deps: StepTrustDeps,
): Promise<StepTrust | undefined> {
  const given = await deps.authorities?.();
  if (given === undefined) return undefined;
  const javaHome = op.env
    .find((entry) => entry.startsWith('JAVA_HOME='))
    ?.slice('JAVA_HOME='.length);
  const cover = coverBundles(tree, javaHome, given.authorities);
  const settings = tree.lookup(textToBytes(`${home}/.wgetrc`), { followsLast: true });
  const { dir, env } = writeTrustFiles(deps.networkFileDir, {
    ...given,
    ownBundle: cover.ownBundle,
    hasWgetSettings: settings !== undefined,
  });
  const target = TRUST_DIRECTORY;
  const without = DATA_ONLY;
  const mount = { type: 'bind', source: dir, target, isReadonly: true, without } as const;
  return { env, mount, fill: cover.fill, strip: cover.strip };
}
