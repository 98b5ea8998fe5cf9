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
    .filter((point) => point === dir || point.startsWith(`${dir}/`))
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
    for (const file of ['cmdline', 'environ', 'mountinfo']) {
      if (!readProcFile(`/proc/${name}/${file}`).includes(dir)) continue;
      const command = readProcFile(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim();
      found.push({ pid, shownBy: `${file} of ${name} (${command})` });
      break;
    }
  }
  return found;
}

/** Empty for processes that are gone, and for those of others that we may not look into. */
function readProcFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
