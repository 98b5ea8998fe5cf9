import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { badContainerOption } from './errors.ts';

/** One `-v`: a host directory or file, or a named volume, seen in the container. */
export interface Volume {
  /** Host path. */
  readonly source: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly isReadonly: boolean;
  readonly type: 'file' | 'directory';
}

/**
 * Reads `SOURCE:TARGET[:ro|rw]`. A source with a slash is a path (relative ones from `cwd`), made as a
 * directory when it is missing; without one it is the name of a volume below `<root>/volumes`.
 * @throws BuildError BAD_CONTAINER_OPTION
 */
export function openVolume(text: string, root: string, cwd: string): Volume {
  const parts = text.split(':');
  const [source = '', target = '', mode = 'rw'] = parts;
  if (parts.length < 2 || parts.length > 3 || source === '') {
    throw badContainerOption('--volume', text, 'expected SOURCE:TARGET[:ro]');
  }
  if (!target.startsWith('/')) {
    throw badContainerOption('--volume', text, `"${target}" is not an absolute path`);
  }
  if (mode !== 'ro' && mode !== 'rw') {
    throw badContainerOption('--volume', text, `"${mode}" is neither "ro" nor "rw"`);
  }
  const hostPath = volumePath(text, source, root, cwd);
  if (statSync(hostPath, { throwIfNoEntry: false }) === undefined) {
    mkdirSync(hostPath, { recursive: true });
  }
  const type = statSync(hostPath).isDirectory() ? 'directory' : 'file';
  return { source: hostPath, target, isReadonly: mode === 'ro', type };
}

function volumePath(text: string, source: string, root: string, cwd: string): string {
  if (/^[.~]?\.?\//.test(source) || source === '.' || source === '..') {
    return path.resolve(cwd, source);
  }
  if (source.includes('/')) return path.resolve(cwd, source);
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(source)) {
    throw badContainerOption('--volume', text, `"${source}" is neither a path nor a volume name`);
  }
  return path.join(root, 'volumes', source);
}
