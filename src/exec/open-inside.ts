import { chmodSync, closeSync, constants, mkdirSync, openSync, readlinkSync } from 'node:fs';
import { hasCode } from '../host/sys.ts';

const O_PATH = 0o10000000;
const MAX_LINKS = 255;
/** A name that others make and remove all the time is given up on. */
const MAX_TRIES = 100;

/**
 * Opens the directory at `path` below the host directory `root`, and makes what is missing of it. Links are
 * followed inside `root`. Each name is opened from the directory before it, so that steps that
 * write below `root` at the same time cannot lead out of it (CVE-2024-23651). The caller closes it.
 *
 * Undefined when it leads through a file, or through too many links.
 */
export function openDirectoryInside(root: string, path: string): number | undefined {
  const { O_DIRECTORY } = constants;
  const opened = [openSync(root, O_PATH | O_DIRECTORY)];
  try {
    const last = walk(opened, path);
    if (last !== undefined) opened.splice(opened.indexOf(last), 1);
    return last;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

/** `opened` holds the directories from the root on; the last of them is where the walk is. */
function walk(opened: number[], path: string): number | undefined {
  const pending = namesOf(path).reverse();
  let steps = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '..') {
      if (opened.length > 1) closeSync(opened.pop() ?? -1);
      continue;
    }
    const place = `/proc/self/fd/${String(opened.at(-1))}/${name}`;
    const next = openOrMake(place);
    if (next !== undefined) {
      opened.push(next);
      continue;
    }
    const target = readLink(place);
    if (target === undefined || ++steps > MAX_LINKS) return undefined;
    if (target.startsWith('/')) for (const fd of opened.splice(1)) closeSync(fd);
    pending.push(...namesOf(target).reverse());
  }
  return opened.at(-1);
}

/** Undefined for what is no directory. */
function openOrMake(place: string): number | undefined {
  const { O_DIRECTORY, O_NOFOLLOW } = constants;
  let isNew = false;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    try {
      const fd = openSync(place, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      if (isNew) chmodSync(`/proc/self/fd/${String(fd)}`, 0o755);
      return fd;
    } catch (error) {
      if (hasCode(error, 'ENOTDIR', 'ELOOP')) return undefined;
      if (!hasCode(error, 'ENOENT')) throw error;
    }
    try {
      mkdirSync(place);
      isNew = true;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  }
  return undefined;
}

/** Undefined for what is no link, or is gone. */
function readLink(place: string): string | undefined {
  try {
    return readlinkSync(place);
  } catch (error) {
    if (hasCode(error, 'EINVAL', 'ENOENT')) return undefined;
    throw error;
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}
