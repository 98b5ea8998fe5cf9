import { readdirSync, readFileSync } from 'node:fs';

/** A process that still has to do with a directory, and how that shows. */
export interface LeftProcess {
  readonly pid: number;
  readonly shownBy: string;
}

/** Mount points of this process at or below `dir`, the innermost first. */
export function mountsBelow(dir: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => isAtOrBelow(point, dir))
    .reverse();
}

/**
 * Processes that have `dir` in their command line or environment, or mounts made of it: a step in
 * namespaces of its own shows only by the last. This process and those that ended are not among them.
 */
export function processesUsing(dir: string): LeftProcess[] {
  const found: LeftProcess[] = [];
  const place = placeOf(dir);
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    for (const file of ['cmdline', 'environ', 'mountinfo'] as const) {
      const text = readProcFile(`/proc/${name}/${file}`);
      if (!(file === 'mountinfo' ? isMadeOf(text, dir, place) : text.includes(dir))) continue;
      const command = readProcFile(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
      found.push({ pid, shownBy: `${file} of ${name} (${command})` });
      break;
    }
  }
  return found;
}

/**
 * Whether a mount of the process is made of `dir`. Mounts at places below it do not count: a new mount
 * namespace starts with copies of all mounts there are, also of those of others.
 */
function isMadeOf(mountinfo: string, dir: string, place: Place | undefined): boolean {
  return mountinfo.split('\n').some((line) => {
    const [, , device = '', root = '', point = ''] = line.split(' ');
    if (isAtOrBelow(point, dir)) return false;
    // Overlays name it in their options; bind mounts by where it is on its file system.
    return line.includes(dir) || (device === place?.device && isAtOrBelow(root, place.path));
  });
}

/** A directory by its file system and its path in that, as mountinfo names what a mount is made of. */
interface Place {
  readonly device: string;
  readonly path: string;
}

function placeOf(dir: string): Place | undefined {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n');
  // The last one that was mounted there is the one that is seen.
  for (const line of mounts.reverse()) {
    const [, , device = '', root = '', point = ''] = line.split(' ');
    if (point !== '/' && !isAtOrBelow(dir, point)) continue;
    const below = point === '/' ? dir : dir.slice(point.length);
    const path = root === '/' ? below : root + below;
    // A file system of its own: everybody has copies of it.
    return path === '' ? undefined : { device, path };
  }
  return undefined;
}

function isAtOrBelow(point: string, dir: string): boolean {
  return point === dir || point.startsWith(`${dir}/`);
}

/** Empty for processes that are gone, and for those of others that we may not look into. */
function readProcFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
