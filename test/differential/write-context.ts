import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { lsetxattr } from '../../src/host/xattr.ts';
import type { ArchiveSpec, ContextFile, FileExtras } from './case.ts';

/** Seconds since 1970 that files get when a case does not say: long ago, so that copies show. */
export const CONTEXT_MTIME = 1_000_000_000;

const COMPRESSION_FLAG = { none: [], gzip: ['-z'], bzip2: ['-j'], xz: ['-J'], zstd: ['--zstd'] };

/** Writes files below `root`, which is there. Every mode, owner and time is set, umask or not. */
export function writeFiles(
  root: string,
  files: Readonly<Record<string, ContextFile>>,
  extras: FileExtras = {},
): void {
  for (const [path, file] of Object.entries(files)) writeOne(root, path, file);
  for (const [path, archive] of Object.entries(extras.archives ?? {})) {
    writeArchive(join(root, path), archive);
  }
  for (const [path, [uid, gid]] of Object.entries(extras.owners ?? {})) {
    lchownSync(join(root, path), uid, gid);
    restoreMode(join(root, path), files[path]);
  }
  for (const [path, attributes] of Object.entries(extras.xattrs ?? {})) {
    for (const [name, value] of Object.entries(attributes)) {
      lsetxattr(join(root, path), name, Buffer.from(value));
    }
  }
  setTimes(root, '', files);
}

function writeOne(root: string, path: string, file: ContextFile): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  if (typeof file === 'string') writeRegular(target, file, 0o644);
  else if ('symlink' in file) symlinkSync(file.symlink, target);
  else if ('hardLink' in file) linkSync(join(root, file.hardLink), target);
  else if ('content' in file) writeRegular(target, file.content, file.mode ?? 0o644);
  else writeSpecial(target, file);
}

function writeSpecial(
  target: string,
  file: Extract<ContextFile, { readonly fifo: true } | { readonly directory: true }>,
): void {
  if ('fifo' in file) execFileSync('mkfifo', [target]);
  else mkdirSync(target, { recursive: true });
  chmodSync(target, file.mode ?? 0o755);
}

function writeRegular(target: string, content: string | Uint8Array, mode: number): void {
  writeFileSync(target, content);
  chmodSync(target, mode);
}

/** A new owner takes setuid and setgid away. */
function restoreMode(target: string, file: ContextFile | undefined): void {
  if (typeof file === 'object' && 'mode' in file) chmodSync(target, file.mode);
}

/** Deepest first, as writing into a directory changes its time. */
function setTimes(root: string, path: string, files: Readonly<Record<string, ContextFile>>): void {
  for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
    const below = path === '' ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) setTimes(root, below, files);
    else lutimesSync(join(root, below), timeOf(files[below]), timeOf(files[below]));
  }
  lutimesSync(join(root, path), timeOf(files[path]), timeOf(files[path]));
}

function timeOf(file: ContextFile | undefined): number {
  return typeof file === 'object' && 'mtime' in file ? file.mtime : CONTEXT_MTIME;
}

/** Packs files with GNU tar: sorted, so that both builders read the same archive. */
export function writeArchive(target: string, spec: ArchiveSpec): void {
  const staging = mkdtempSync(`${target}.`);
  chmodSync(staging, 0o755);
  try {
    writeFiles(staging, spec.files, spec);
    const flags = COMPRESSION_FLAG[spec.compression ?? 'none'];
    const names = readdirSync(staging).sort();
    execFileSync(
      'tar',
      ['-C', staging, '--sort=name', '--xattrs', '--numeric-owner', ...flags, '-cf', target].concat(
        names,
      ),
    );
  } finally {
    rmSync(staging, { recursive: true });
  }
}
