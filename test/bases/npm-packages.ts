// Packages of the npm registry as files: fetched by npm itself, none of their scripts run.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { NpmPart } from './base-image.ts';
import { runTool } from './run-tool.ts';
import type { TarEntry } from './tar.ts';
import { readTar } from './tar.ts';

/** Fetches packages into `scratch` and gives their files at the places they belong. */
export async function unpackNpmPackages(
  parts: readonly NpmPart[],
  scratch: string,
): Promise<Map<string, TarEntry>> {
  const entries = new Map<string, TarEntry>();
  for (const part of parts) {
    const directory = mkdtempSync(join(scratch, 'npm-'));
    const args = ['pack', part.spec, '--ignore-scripts', '--silent', '--pack-destination', directory];
    const printed = await runTool('npm', args, { cwd: directory });
    const packed = join(directory, printed.trim().split('\n').at(-1) ?? '');
    const archive = `${packed}.tar`;
    await runTool('sh', ['-c', 'gzip -dc "$1" > "$2"', 'sh', packed, archive]);
    for (const entry of readTar(archive).values()) {
      const [, ...rest] = entry.path.split('/');
      if (rest[0] === undefined || (part.only !== undefined && !part.only.includes(rest[0]))) continue;
      const isProgram = rest[0] === 'bin' || (entry.mode & 0o111) !== 0;
      const path = `${part.into}/${rest.join('/')}`;
      entries.set(path, { ...entry, path, uid: 0, gid: 0, mode: isProgram ? 0o755 : 0o644 });
    }
  }
  return entries;
}
