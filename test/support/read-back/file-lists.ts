import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Path without a slash at either end → type, mode, owner, size, time and target, in one line. */
export type Files = ReadonlyMap<string, string>;

/** Before a program: prints what GNU tar lists of the archive that the program prints. */
const LISTING = `{ "$@" || echo "status $?" >&2; } | tar -tvf - --numeric-owner --full-time --quoting-style=c`;
const MAX_LIST_BYTES = 64 * 1024 * 1024;
const MAX_DIFFERENCES = 10;
const LINE = /^(.)(\S{9}) (\d+\/\d+) +(\S+) (\S+ \d\d:\d\d:\d\d)\S* "((?:[^"\\]|\\.)*)"(.*)$/;
const LINK = /^ link to "((?:[^"\\]|\\.)*)"$/;

/** A program and its words. */
export type Command = readonly [string, ...string[]];

const run = promisify(execFile);

/** Lists the archive that a command prints. @throws Error with what the command said when it fails */
export async function listArchive(command: Command, env = process.env): Promise<Files> {
  const words = ['-c', LISTING, 'sh', ...command];
  return filesOf(command, await run('sh', words, optionsWith(env)));
}

/** The same at once. */
export function listArchiveSync(command: Command, env = process.env): Files {
  return filesOf(command, spawnSync('sh', ['-c', LISTING, 'sh', ...command], optionsWith(env)));
}

function optionsWith(env: NodeJS.ProcessEnv): {
  readonly env: NodeJS.ProcessEnv;
  readonly encoding: 'utf8';
  readonly maxBuffer: number;
} {
  return { env: { ...env, LC_ALL: 'C', TZ: 'UTC' }, encoding: 'utf8', maxBuffer: MAX_LIST_BYTES };
}

function filesOf(
  command: Command,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
): Files {
  if (stderr !== '') throw new Error(`${command.join(' ')}: ${stderr}`);
  return parseList(stdout);
}

/**
 * What GNU tar lists with `-v --numeric-owner --full-time --quoting-style=c`. Names of one file are shown
 * alike, whichever of them an archive has first. Times of directories are left out: tools make files in them
 * on their own account.
 */
export function parseList(text: string): Files {
  const files = new Map<string, string>();
  const links = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, type = '', mode, owner = '', size, time, name = '', rest = ''] = LINE.exec(line) ?? [];
    if (mode === undefined) throw new Error(`tar listed what nobody expects: ${line}`);
    const path = plain(name);
    const target = LINK.exec(rest)?.[1];
    const extent = type === 'd' ? '' : ` ${size ?? ''} ${time ?? ''}`;
    if (target !== undefined) links.set(path, plain(target));
    else if (path !== '') files.set(path, `${type}${mode} ${owner}${extent}${rest}`);
  }
  return withLinks(files, links);
}

/** Without `./` or `/` before it and `/` behind. The root has no name. */
function plain(name: string): string {
  return name
    .replace(/^\.?\//, '')
    .replace(/\/$/, '')
    .replace(/^\.$/, '');
}

/** All names of a file get what it is, and the first of the names in order. */
function withLinks(files: Map<string, string>, links: ReadonlyMap<string, string>): Files {
  const names = new Map<string, string[]>();
  for (const [path, target] of links) names.set(target, [...(names.get(target) ?? [target]), path]);
  for (const [target, all] of names) {
    const [first = target] = [...all].sort();
    const shown = `${files.get(target) ?? 'missing'} = "${first}"`;
    for (const path of all) files.set(path, shown);
  }
  return files;
}

/** How two lists differ, a line for each of the first few files. Names that are ignored do not count. */
export function differences(
  [nameA, a]: readonly [string, Files],
  [nameB, b]: readonly [string, Files],
  isIgnored: (path: string) => boolean = () => false,
): string[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((path) => a.get(path) !== b.get(path) && !isIgnored(path))
    .sort()
    .slice(0, MAX_DIFFERENCES)
    .map((path) => {
      const [inA, inB] = [a.get(path) ?? 'nothing', b.get(path) ?? 'nothing'];
      return `"${path}" is ${inA} for ${nameA}, and ${inB} for ${nameB}`;
    });
}
