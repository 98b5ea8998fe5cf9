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
/** Directories that it makes where an image has none, also in place of links. */
const ADDED = new Set(['dev', 'dev/pts', 'dev/shm', 'etc', 'proc', 'sys']);

/** Reads images with one Docker. All throw Error with what Docker said. */
export interface DockerReader {
  /**
   * Loads an image. What `save` wrote is loaded as it is, once; other images come in an archive that skopeo
   * makes of them.
   */
  load(image: BuiltImage, scratch: string): Promise<void>;
  /**
   * Makes a container of an image that is loaded, lists its files, and runs the first of `ENDING_PROGRAMS` that
   * is among `files`. See `whyNotRun` for those that are not run.
   */
  run(image: BuiltImage, files: Files): Promise<Files>;
}

/** A reader for the Docker of `client`. */
export function createDockerReader({ path, env }: DockerClient): DockerReader {
  const docker = (...words: string[]): Promise<string> => callTool(path, words, env);
  const loads = new Map<string, Promise<string>>();
  return {
    async load({ id, archive, source }, scratch) {
      const converted = join(scratch, 'docker.tar');
      if (archive === undefined) {
        await callTool('skopeo', ['copy', '-q', source, `docker-archive:${converted}`]);
      }
      const from = archive ?? converted;
      const loading = loads.get(from) ?? docker('load', '-q', '-i', from);
      loads.set(from, loading);
      const said = await loading;
      if (!said.includes(id)) throw new Error(`docker load -i ${from}: ${id} is not in "${said}"`);
      await promises.rm(converted, { force: true });
    },
    async run(image, files) {
      const container = `read-back-${hexOf(image.id)}`;
      const [entry, ...words] = endingProgram(files) ?? ['none'];
      const flags = ['--name', container, '--network', 'none', '--entrypoint', `/${entry}`];
      await docker('create', ...flags, image.id, ...words);
      const listed = await listArchive([path, 'export', container], env);
      if (whyNotRun(image, files) === undefined) await docker('start', '--attach', container);
      await docker('rm', '--volumes', container);
      return listed;
    },
  };
}

/** Why a container of an image is made and not run; undefined when it is run. */
export function whyNotRun(
  { architecture, volumes }: Pick<BuiltImage, 'architecture' | 'volumes'>,
  files: Files,
): string | undefined {
  if (volumes.includes('/proc')) return 'Docker mounts no volume over /proc';
  if (architecture !== HOST_ARCHITECTURE) return 'it is for other processors';
  return endingProgram(files) === undefined ? 'it has no program that ends at once' : undefined;
}

/** Whether a path in a container is of Docker's making, and says nothing of the image with these files. */
export function isDockersOwn(path: string, files: Files): boolean {
  return COVERED.has(path) || (ADDED.has(path) && files.get(path)?.startsWith('d') !== true);
}

function endingProgram(files: Files): readonly [string, ...string[]] | undefined {
  return ENDING_PROGRAMS.find(([path]) => files.has(path));
}
