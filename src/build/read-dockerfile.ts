import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  readdirSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { nearest } from '../core/suggest.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { leadsOutside } from './leads-outside.ts';
import { badContext, dockerfileNotFound, dockerfileUnreadable } from './errors.ts';
import type { ContextRequest, DockerfileRequest } from './request.ts';

/** A larger one is not a Dockerfile. Twice the parser's own limit, so that it reports the limit. */
export const MAX_DOCKERFILE_BYTES = 64 * 1024 * 1024;

/** The Dockerfile of a build, and where the files that belong to it are. */
export interface ReadDockerfile {
  readonly source: SourceFile;
  /** Absolute host path; undefined when the text did not come from a file. */
  readonly hostPath: string | undefined;
  /** The context that it was found in, when that is no directory of this host. */
  readonly contextName?: string | undefined;
}

/** Checks that the context is a directory. Its absolute host path, or undefined for an empty one. */
export function contextDirectory(
  context: Extract<ContextRequest, { readonly kind: 'directory' | 'empty' }>,
  cwd: string,
): string | undefined {
  if (context.kind === 'empty') return undefined;
  const { path } = context;
  const hostPath = resolve(cwd, path);
  const stat = statSync(hostPath, { throwIfNoEntry: false });
  if (stat === undefined) {
    throw badContext(path, 'it does not exist', similarEntry(hostPath));
  }
  if (!stat.isDirectory()) {
    throw badContext(path, 'it is not a directory', `To name a Dockerfile, use -f ${path}`);
  }
  return hostPath;
}

/**
 * Reads the Dockerfile: `-f` relative to the working directory, else `Dockerfile` in the context, else
 * `dockerfile` there, as BuildKit does.
 * @throws BuildError DOCKERFILE_NOT_FOUND, DOCKERFILE_UNREADABLE
 */
export function readDockerfile(
  dockerfile: Exclude<DockerfileRequest, { readonly kind: 'url' }>,
  contextDir: string | undefined,
  cwd: string,
): ReadDockerfile {
  if (dockerfile.kind === 'text') {
    return { source: { path: dockerfile.name, text: dockerfile.text }, hostPath: undefined };
  }
  const directory = contextDir ?? cwd;
  if (dockerfile.path !== undefined) {
    const hostPath = resolve(cwd, dockerfile.path);
    const bytes = readRegular(hostPath, dockerfile.path);
    if (bytes === undefined) {
      throw dockerfileNotFound(
        dockerfile.path,
        isLink(hostPath) ? 'it is a link to a file that is not there' : 'there is no such file',
        similarEntry(hostPath) ?? 'The path of -f starts at the working directory',
      );
    }
    return found(dockerfile.path, bytes, hostPath, directory);
  }
  for (const name of ['Dockerfile', 'dockerfile']) {
    const hostPath = join(directory, name);
    const bytes = readRegular(hostPath, name);
    if (bytes !== undefined) {
      return found(name, bytes, hostPath, directory);
    }
  }
  throw dockerfileNotFound(
    'Dockerfile',
    'the build context has none',
    similarEntry(join(directory, 'Dockerfile')) ?? 'Name the file with -f',
  );
}

function found(path: string, bytes: Buffer, hostPath: string, directory: string): ReadDockerfile {
  const isPrivate = leadsOutside(hostPath, directory);
  return { source: { path, text: bytes.toString('utf8'), isPrivate }, hostPath };
}

/** Never waits on a pipe and never reads a device. Undefined when there is nothing of this name. */
function readRegular(hostPath: string, shown: string): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(hostPath, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw dockerfileUnreadable(shown, code === 'EACCES' ? 'permission denied' : code);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw dockerfileUnreadable(shown, 'it is a directory');
    if (!stat.isFile()) throw dockerfileUnreadable(shown, 'it is not a regular file');
    if (stat.size > MAX_DOCKERFILE_BYTES) {
      throw dockerfileUnreadable(shown, `it has ${String(stat.size)} bytes, which is too large`);
    }
    return readWhole(fd, stat.size);
  } finally {
    closeSync(fd);
  }
}

/** `size` bytes of an open file from where it stands, or what there is of them. */
export function readWhole(fd: number, size: number): Buffer {
  const buffer = Buffer.alloc(size);
  let length = 0;
  while (length < size) {
    const count = readSync(fd, buffer, length, size - length, null);
    if (count === 0) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

function isLink(hostPath: string): boolean {
  return lstatSync(hostPath, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function similarEntry(hostPath: string): string | undefined {
  const directory = dirname(hostPath);
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return undefined;
  }
  const name = nearest(hostPath.slice(directory.length + 1), names);
  return name === undefined ? undefined : `Did you mean "${name}"?`;
}

/** What tells this Dockerfile from others in the store: its path, or its name where it has none. */
export function dockerfileId({ hostPath, source, contextName }: ReadDockerfile): string {
  if (contextName !== undefined) return `${contextName} ${source.path}`;
  return hostPath ?? source.path;
}
