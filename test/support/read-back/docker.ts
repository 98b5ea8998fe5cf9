import { promises } from 'node:fs';
import { join } from 'node:path';
import { callTool } from './call-tool.ts';
import type { BuiltImage } from './collect.ts';
import { listArchive, type Files } from './file-lists.ts';
import { hexOf } from './layouts.ts';

/** Docker's client, and how it finds its daemon. */
export interface DockerClient {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Programs that end at once with status 0, and their words. */
const ENDING_PROGRAMS: readonly (readonly [string, ...string[]])[] = [
  ['bin/true'],
  ['usr/bin/true'],
  ['bin/busybox', 'true'],
  ['bin/sh', '-c', ':'],
];
const HOST_ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;
/** Files that Docker makes in every container before it starts; they cover those of an image. */
const COVERED = new Set([
  ...['.dockerenv', 'dev/console', 'etc/hostname', 'etc/hosts', 'etc/mtab', 'etc/resolv.conf'],
]);
/** Directories that it makes where an image has none. */
const ADDED = new Set(['dev', 'dev/pts', 'dev/shm', 'etc', 'proc', 'sys']);

/**
 * Loads an image into Docker, makes a container of it, lists its files, and runs the first of
 * `ENDING_PROGRAMS` that is among `files`. See `whyNotRun` for those that are not run.
 * @throws Error with what Docker said
 */
export async function readWithDocker(
  image: BuiltImage,
  files: Files,
  client: DockerClient,
  scratch: string,
): Promise<Files> {
  const docker = (...words: string[]): Promise<string> => callTool(client.path, words, client.env);
  await loadInto(docker, image, join(scratch, 'docker.tar'));
  const container = `read-back-${hexOf(image.id)}`;
  const [entry, ...words] = endingProgram(files) ?? ['none'];
  const flags = ['--name', container, '--network', 'none', '--entrypoint', `/${entry}`];
  await docker('create', ...flags, image.id, ...words);
  const listed = await listArchive([client.path, 'export', container], client.env);
  if (whyNotRun(image, files) === undefined) await docker('start', '--attach', container);
  await docker('rm', '--volumes', container);
  return listed;
}

/** Why a container of an image is made and not run; undefined when it is run. */
export function whyNotRun(
  { architecture }: Pick<BuiltImage, 'architecture'>,
  files: Files,
): string | undefined {
  if (architecture !== HOST_ARCHITECTURE) return 'it is for other processors';
  return endingProgram(files) === undefined ? 'it has no program that ends at once' : undefined;
}

/** Whether a path in a container is of Docker's making, and says nothing of the image with these files. */
export function isDockersOwn(path: string, files: Files): boolean {
  return COVERED.has(path) || (ADDED.has(path) && !files.has(path));
}

function endingProgram(files: Files): readonly [string, ...string[]] | undefined {
  return ENDING_PROGRAMS.find(([path]) => files.has(path));
}

/** What `save` wrote is loaded as it is. Other images come in an archive that skopeo makes of them. */
async function loadInto(
  docker: (...words: string[]) => Promise<string>,
  { archive, source }: BuiltImage,
  converted: string,
): Promise<void> {
  if (archive !== undefined) {
    await docker('load', '-q', '-i', archive);
    return;
  }
  try {
    await callTool('skopeo', ['copy', '-q', source, `docker-archive:${converted}`]);
    await docker('load', '-q', '-i', converted);
  } finally {
    await promises.rm(converted, { force: true });
  }
}
