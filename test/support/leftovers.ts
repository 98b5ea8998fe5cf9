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
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    for (const file of ['cmdline', 'environ', 'mountinfo'] as const) {
      const text = readProcFile(`/proc/${name}/${file}`);
      if (!(file === 'mountinfo' ? isMadeOf(text, dir) : text.includes(dir))) continue;
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
function isMadeOf(mountinfo: string, dir: string): boolean {
  return mountinfo
    .split('\n')
    .filter((line) => line.includes(dir))
    .some((line) => !isAtOrBelow(line.split(' ')[4] ?? '', dir));
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
