import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DifferentialCase } from './case.ts';
import type { DockerDaemon } from '../support/docker-daemon.ts';
import type { Outcome, WrittenCase } from './outcome.ts';
import { readLayers } from './read-tree.ts';

/**
 * Builds a case with the BuildKit inside dockerd. Config and layers are read from where the daemon keeps
 * them, as `docker save` drops attributes and shortens times.
 */
export async function buildWithDocker(
  test: DifferentialCase,
  written: WrittenCase,
  daemon: DockerDaemon,
  daemonDir: string,
): Promise<Outcome> {
  const idFile = join(written.mountPoint, 'image-id');
  const input =
    test.contextAs === 'stdin-dockerfile' ? written.dockerfile : stdinArchive(test, written);
  const built = await daemon.docker(buildFlags(test, written, idFile), {}, input);
  if (built.status !== 0) return refused(built.stderr);

  const id = readFileSync(idFile, 'utf8').replace('sha256:', '').trim();
  const store = join(daemonDir, 'data/image/overlay2/imagedb/content/sha256');
  const config: unknown = JSON.parse(readFileSync(join(store, id), 'utf8'));
  const layerDirs = await layerDirsOf(id, daemon);
  const tree = readLayers(layerDirs, written.mountPoint, written.startedNs);
  return { kind: 'built', config, tree, layerDirs };
}

function buildFlags(test: DifferentialCase, written: WrittenCase, idFile: string): string[] {
  const flags = ['build', '--progress', 'plain', '--network', 'host', '--no-cache'];
  flags.push('--iidfile', idFile);
  if (test.contextAs === undefined) flags.push('-f', written.dockerfile);
  if (test.contextAs === 'stdin-dockerfile') flags.push('-f', '-');
  for (const [name, value] of Object.entries(test.buildArgs ?? {})) {
    flags.push('--build-arg', `${name}=${value}`);
  }
  for (const [name, value] of Object.entries(test.labels ?? {})) {
    flags.push('--label', `${name}=${value}`);
  }
  for (const [id, path] of written.secrets) flags.push('--secret', `id=${id},src=${path}`);
  if (test.target !== undefined) flags.push('--target', test.target);
  return [...flags, contextWord(test, written)];
}

function contextWord(test: DifferentialCase, written: WrittenCase): string {
  if (test.contextAs === 'stdin-archive') return '-';
  return written.contextUrl ?? written.contextDir;
}

function stdinArchive(test: DifferentialCase, written: WrittenCase): string | undefined {
  return test.contextAs === 'stdin-archive' ? written.archive : undefined;
}

/** Top first. */
async function layerDirsOf(id: string, daemon: DockerDaemon): Promise<string[]> {
  const format = '{{json .GraphDriver.Data}}';
  const inspected = await daemon.docker(['image', 'inspect', '--format', format, id]);
  if (inspected.status !== 0) throw new Error(`Cannot inspect ${id}: ${inspected.stderr}`);
  const data: unknown = JSON.parse(inspected.stdout);
  const { UpperDir: upper, LowerDir: lower } = (data ?? {}) as Record<string, string | undefined>;
  return [upper, ...(lower ?? '').split(':')].filter(isNamed);
}

function isNamed(dir: string | undefined): dir is string {
  return dir !== undefined && dir !== '';
}

/** The last lines hold the reason. A place in the Dockerfile is printed as `Dockerfile:3`. */
function refused(stderr: string): Outcome {
  const lines = [...stderr.matchAll(/(?:^Dockerfile:|parse error line )(\d+)/gm)].map((m) =>
    Number(m[1]),
  );
  const message = stderr.trim().split('\n').at(-1) ?? '';
  return { kind: 'refused', codes: [], message, lines };
}
