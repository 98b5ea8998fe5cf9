import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { describeHost } from '../sandbox/choose-sandbox.ts';
import { runtimeDirectory } from '../host/runtime-directory.ts';
import { describeNetwork } from '../sandbox/step-networks.ts';
import type { MountChoice } from '../snapshot/choose-mounter.ts';
import { whyNoOverlay } from '../snapshot/overlay-mounter.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { renderTable } from './format.ts';
import { switchFlag } from './flag-table.ts';
import { readMountChoice } from './mount-choice.ts';
import { commandRoot, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';
import { hostUserId } from './user-identity.ts';
import { VERSION } from './version.ts';

/** `stagecraft info`: what would be in force in a build on this host. */
export const info = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Show what this host can do, and where things are kept',
  flags: { json: switchFlag('Print JSON'), root: ROOT_FLAG },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const { env, uid, signal } = context;
    const root = commandRoot(flags.root, context);
    // What steps can do depends on the namespace that they are started from.
    const builds = await tryBecomingRoot(context, root);
    const host = await describeHost({ env, signal });
    const network = await describeNetwork(
      { runtimeDir: runtimeDirectory(env), searchPath: env['PATH'] ?? '' },
      signal,
    );
    const facts = {
      version: VERSION,
      node: process.version,
      kernel: release(),
      architecture: host.architecture,
      user: hostUserId(env, uid),
      isRootless: host.isRootless,
      builds,
      cgroups: host.cgroups,
      store: root,
      snapshots: builds.isPossible
        ? describeSnapshots(root, readMountChoice(undefined, readConfigFile(context), env))
        : 'none, as there can be no builds',
      isolation: host.sandboxes,
      network,
      platforms: host.platforms,
    };
    if (flags.json === true) {
      context.stdout.write(`${JSON.stringify(facts, undefined, 2)}\n`);
      return 0;
    }
    const rows = [
      ['Version:', facts.version],
      ['Node.js:', facts.node],
      ['Kernel:', facts.kernel],
      ['Architecture:', facts.architecture],
      ['User:', `${String(facts.user)}${facts.isRootless ? ' (rootless)' : ''}`],
      ['Cgroups:', facts.cgroups],
      ['Store:', facts.store],
      ['Snapshots:', facts.snapshots],
    ];
    const isolation = facts.isolation.map(({ name, detail, isDefault }) => [
      `  ${name}${isDefault ? ' *' : ''}`,
      detail,
    ]);
    if (!builds.isPossible) {
      context.stdout.write(`Builds: ${builds.problem}\n`);
      if (builds.remedy !== undefined) context.stdout.write(`  ${builds.remedy}\n`);
    }
    context.stdout.write(`${renderTable(rows)}Isolation of steps (* by default):\n`);
    context.stdout.write(renderTable(isolation));
    context.stdout.write(`Network of steps: ${network.detail}\n`);
    if (network.remedy !== undefined) context.stdout.write(`  ${network.remedy}\n`);
    const platforms = facts.platforms.map(({ platform, how, emulator = '' }) => [
      `  ${platform}`,
      how === 'native' ? 'native' : `${emulator}${how === 'registered' ? ', registered' : ''}`,
    ]);
    context.stdout.write('Platforms of steps:\n');
    context.stdout.write(renderTable(platforms));
    return 0;
  },
});

/** Whether this user can build at all; if not, why, and what would help. */
type Builds =
  | { readonly isPossible: true }
  | { readonly isPossible: false; readonly problem: string; readonly remedy: string | undefined };

/** Where nobody lets an ordinary user have a namespace, there is most to tell. */
async function tryBecomingRoot(context: CommandContext, root: string): Promise<Builds> {
  try {
    await becomeRoot(context, root);
    return { isPossible: true };
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'USER_NAMESPACE_DENIED') throw error;
    return { isPossible: false, problem: error.message, remedy: error.hint };
  }
}

/** How files are shown to steps, tried out where the store is. */
function describeSnapshots(root: string, choice: MountChoice): string {
  if (choice === 'copy') return 'copies of files, as configured';
  if (!existsSync(root)) return 'overlayfs where it can be mounted: there is no store yet';
  const reason = whyNoOverlay(root);
  if (reason === undefined) return 'overlayfs';
  return choice === 'overlay'
    ? `none: overlayfs cannot be mounted (${reason})`
    : `copies of files: overlayfs cannot be mounted (${reason})`;
}
