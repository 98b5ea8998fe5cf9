// Images put together from files alone: nothing in them is run while they are made.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Architecture, AssemblePart, StandInFile } from './base-image.ts';
import { runTool } from './run-tool.ts';
import type { TarEntry } from './tar.ts';
import { tarEntry } from './tar.ts';

/** What assembling takes files from. */
export interface AssembleSources {
  readonly busybox: (architecture: Architecture) => Promise<ReadonlyMap<string, TarEntry>>;
  readonly tree: (id: string) => Promise<ReadonlyMap<string, TarEntry>>;
}

/** Entries of the parts; later parts replace what earlier ones brought. */
export async function assembleParts(
  parts: readonly AssemblePart[],
  architecture: Architecture,
  sources: AssembleSources,
): Promise<Map<string, TarEntry>> {
  const entries = new Map<string, TarEntry>();
  for (const part of parts) {
    const found = await partEntries(part, architecture, sources);
    for (const entry of found) entries.set(entry.path, entry);
  }
  return withParents(entries);
}

async function partEntries(
  part: AssemblePart,
  architecture: Architecture,
  sources: AssembleSources,
): Promise<TarEntry[]> {
  if (part.kind === 'files') return [...fileEntries(part.files).values()];
  if (part.kind === 'busybox') return busyboxEntries(await sources.busybox(architecture));
  const tree = await sources.tree(part.from);
  const wanted = new Set((part.packages ?? []).flatMap((name) => packageFiles(tree, name)));
  const paths = part.paths ?? [];
  const chosen: TarEntry[] = [];
  for (const entry of tree.values()) {
    const isBelow = paths.some((path) => entry.path === path || entry.path.startsWith(`${path}/`));
    if (isBelow || (wanted.has(entry.path) && entry.kind !== 'directory')) chosen.push(entry);
  }
  // Debian's /lib is a link to /usr/lib; here the loader needs a way from the one to the other.
  if (wanted.size > 0) {
    chosen.push(tarEntry('lib/x86_64-linux-gnu', 'symlink', { target: '../usr/lib/x86_64-linux-gnu' }));
    chosen.push(tarEntry('lib64', 'symlink', { target: 'usr/lib64' }));
  }
  return chosen;
}

function packageFiles(tree: ReadonlyMap<string, TarEntry>, name: string): string[] {
  const info = 'var/lib/dpkg/info/';
  const list = tree.get(`${info}${name}.list`) ?? tree.get(`${info}${name}:amd64.list`);
  if (list === undefined) throw new Error(`Cannot pick the files of "${name}": it is not installed`);
  return readContent(list)
    .split('\n')
    .map((line) => line.replace(/^\/+/, '').replace(/^(bin|sbin|lib|lib64)\//, 'usr/$1/'))
    .filter((path) => path !== '');
}

function readContent(entry: TarEntry): string {
  if ('bytes' in entry.content) return entry.content.bytes.toString('latin1');
  const { archive, offset, size } = entry.content;
  return readFileSync(archive).toString('latin1', offset, offset + size);
}

async function busyboxEntries(tree: ReadonlyMap<string, TarEntry>): Promise<TarEntry[]> {
  const program = tree.get('bin/busybox') ?? tree.get('usr/bin/busybox');
  if (program === undefined) throw new Error('Cannot make a busybox image: the package has no busybox');
  const applets = (await runTool('busybox', ['--list-full'])).split('\n');
  // These two would only say that they cannot work; others replace them.
  const links = applets.filter((path) => path !== '' && !/\/?(dpkg|dpkg-deb|rpm|busybox)$/.test(path));
  return [
    { ...program, path: 'bin/busybox' },
    ...links.map((path) => tarEntry(path, 'symlink', { target: '/bin/busybox' })),
  ];
}

/** Entries for the files of a table. */
export function fileEntries(files: readonly StandInFile[]): Map<string, TarEntry> {
  const entries = new Map<string, TarEntry>();
  for (const file of files) entries.set(file.path, fileEntry(file));
  return withParents(entries);
}

function fileEntry(file: StandInFile): TarEntry {
  if ('link' in file) return tarEntry(file.path, 'symlink', { target: file.link });
  if ('directory' in file) {
    const owner = file.uid ?? 0;
    return tarEntry(file.path, 'directory', { mode: file.mode ?? 0o755, uid: owner, gid: owner });
  }
  if ('script' in file) {
    const bytes = readFileSync(join(import.meta.dirname, 'files', file.script));
    return tarEntry(file.path, 'file', { mode: 0o755, content: { bytes } });
  }
  const bytes = Buffer.from(file.content);
  return tarEntry(file.path, 'file', { mode: file.mode ?? 0o644, content: { bytes } });
}

/** Adds the directories that no entry stands for. */
export function withParents(entries: Map<string, TarEntry>): Map<string, TarEntry> {
  for (const path of [...entries.keys()]) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      if (!entries.has(parent)) entries.set(parent, tarEntry(parent, 'directory'));
    }
  }
  return entries;
}
