import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readFileCapped, syncDirectory, temporaryNameFor } from '../host/atomic-file.ts';
import { MEDIA_TYPE, type Descriptor } from '../image/manifest.ts';
import { parseManifest } from '../image/parse-manifest.ts';
import type { ArchiveMember } from '../layer/tar-archive.ts';
import { writeArchive, type DestinationDeps } from './destination.ts';
import { cannotWriteTo } from './errors.ts';
import { CONTAINERD_NAME, indexFile, LAYOUT_FILE, type Layout } from './oci-layout.ts';

/** An `index.json` of thousands of images is smaller. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

/**
 * Writes a layout as a directory. One that is a layout already keeps its images: blobs are added, and
 * names move to the new image. A new directory appears whole. Returns the bytes that were written.
 * @throws BuildError EXPORT_WRITE when `dest` holds something else
 */
export async function writeLayoutDirectory(
  dest: string,
  layout: Layout,
  extra: readonly ArchiveMember[],
  deps: DestinationDeps,
  signal: AbortSignal,
): Promise<number> {
  const path = resolve(deps.cwd, dest);
  if (isThere(path, dest)) return addToLayout(path, layout, extra, deps, signal);
  const temporary = temporaryNameFor(path);
  try {
    mkdirSync(join(temporary, 'blobs', 'sha256'), { recursive: true });
    const members = [...layout.blobs, indexFile(layout.manifests), ...extra, LAYOUT_FILE];
    const bytes = await writeMembers(temporary, members, [], deps, signal);
    renameSync(temporary, path);
    syncDirectory(dirname(path));
    return bytes;
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    throw asExportError(dest, cause);
  }
}

/** True for a layout or an empty directory, which may be somebody's working directory. */
function isThere(path: string, dest: string): boolean {
  let names: string[];
  try {
    if (!existsSync(path)) return false;
    names = readdirSync(path);
  } catch (cause) {
    throw cannotWriteTo(dest, cause);
  }
  if (names.length === 0 || names.includes('oci-layout')) return true;
  throw cannotWriteTo(dest, undefined, 'the directory is not empty and is no OCI layout');
}

async function addToLayout(
  path: string,
  layout: Layout,
  extra: readonly ArchiveMember[],
  deps: DestinationDeps,
  signal: AbortSignal,
): Promise<number> {
  const added: string[] = [];
  try {
    mkdirSync(join(path, 'blobs', 'sha256'), { recursive: true });
    const index = indexFile(mergeManifests(existingManifests(path), layout.manifests));
    const isNew = ({ name }: ArchiveMember): boolean => !existsSync(join(path, name));
    const bytes = await writeMembers(path, layout.blobs.filter(isNew), added, deps, signal);
    return bytes + (await writeMembers(path, [...extra, index, LAYOUT_FILE], [], deps, signal));
  } catch (cause) {
    for (const file of added) unlinkSync(file);
    throw asExportError(path, cause);
  }
}

function existingManifests(path: string): readonly Descriptor[] {
  const bytes = readFileCapped(join(path, 'index.json'), MAX_INDEX_BYTES);
  if (bytes === undefined) return [];
  const parsed = parseManifest(bytes, MEDIA_TYPE.ociIndex, `"${join(path, 'index.json')}"`);
  return parsed.kind === 'index' ? parsed.index.manifests : [];
}

/** What was there, without entries whose name or whole content the new ones take over. */
function mergeManifests(
  old: readonly Descriptor[],
  added: readonly Descriptor[],
): readonly Descriptor[] {
  const names = new Set(added.map(nameOf));
  const digests = new Set(added.map(({ digest }) => digest));
  const kept = old.filter((entry) => {
    const name = nameOf(entry);
    return name === undefined ? !digests.has(entry.digest) : !names.has(name);
  });
  return [...kept, ...added];
}

function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[CONTAINERD_NAME];
}

async function writeMembers(
  path: string,
  members: readonly ArchiveMember[],
  added: string[],
  deps: DestinationDeps,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  for (const member of members) {
    if (member.type === 'directory') continue;
    const file = join(path, member.name);
    const content = member.type === 'file' ? once(member.bytes) : member.open(signal);
    bytes += await writeArchive(file, content, deps, signal);
    added.push(file);
  }
  return bytes;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  await Promise.resolve();
  yield bytes;
}

function asExportError(dest: string, cause: unknown): unknown {
  return cause instanceof Error && 'syscall' in cause ? cannotWriteTo(dest, cause) : cause;
}
