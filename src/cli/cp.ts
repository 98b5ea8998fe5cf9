import { existsSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { copyFromContainer } from '../build/copy-from-container.ts';
import { findRecord } from '../containers/container-record.ts';
import { refuseTerminal } from './refuse-terminal.ts';
import { defineCommand } from './command.ts';
import { badFlagValue, unsupportedFlag } from './errors.ts';
import { switchFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';

/** `stagecraft cp`: files of a container that does not run, into this file system or as a tar. */
export const cp = defineCommand({
  usage: '[OPTIONS] CONTAINER:PATH DESTINATION|-',
  summary: 'Copy files out of a container',
  flags: {
    archive: switchFlag('Keep owners', { short: 'a' }),
    'follow-link': switchFlag('Copy what a link leads to', { short: 'L' }),
    quiet: switchFlag('Say nothing', { short: 'q', status: 'ignored' }),
    root: ROOT_FLAG,
  },
  words: { min: 2, max: 2, expected: 'CONTAINER:PATH and a destination' },
  async run({ flags, words: [from = '', to = ''] }, context) {
    const source = /^([^/:.][^/:]*):(.+)$/.exec(from);
    if (source === null) {
      if (/^[^/:.][^/:]*:/.test(to)) {
        throw unsupportedFlag(
          `cp ${from} ${to}`,
          'files are copied out of containers only; mount them with --volume, or COPY them into the image',
        );
      }
      throw badFlagValue('cp', from, 'expected CONTAINER:PATH');
    }
    const [, name = '', path = ''] = source;
    refuseTerminal('cp', to, context.stdout);
    const root = commandRoot(flags.root, context);
    await becomeRoot(context, root);
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const record = findRecord(root, name);
    const wanted = placeOf(path, to, context.cwd);
    await copyFromContainer(
      record.id,
      {
        path: path.replace(/\/\.?$/, '') || '/',
        ...wanted,
        keepsOwners: flags.archive ?? false,
        followsLinks: flags['follow-link'] ?? false,
      },
      { store, cwd: context.cwd, stdout: () => context.stdout.stream() },
      context.signal,
    );
    return 0;
  },
});

/** Where Docker puts it: below a directory that is there, unless the content of one is asked for; else as `to`. */
function placeOf(path: string, to: string, cwd: string): { directory: string; name: string } {
  const own = basename(path.replace(/\/\.?$/, '') || '/');
  if (to === '-') return { directory: '-', name: own };
  const target = resolve(cwd, to);
  const isDirectory = existsSync(target) && statSync(target).isDirectory();
  if (isDirectory) return { directory: target, name: path.endsWith('/.') ? '' : own };
  return { directory: dirname(target), name: basename(target) };
}
