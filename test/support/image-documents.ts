import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectLayout } from './read-back/collect.ts';
import { ociFaults } from './oci-schema.ts';

/** Larger blobs are layers. */
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
/** In stores and layouts, and as registries keep them. */
const IS_BLOB = /^(?:[0-9a-f]{64}|data|index\.json)$/;
/** Directories of a store that hold files of images and steps, which may look like anything. */
const NO_DOCUMENTS = new Set(['snapshots', 'mounts', 'containers', 'sources', 'cache']);

/**
 * Checks all that a test made below `dir`: every config, manifest and index in stores, layouts and
 * archives has the form that the OCI image specification demands. Throws with all that is wrong. The images of
 * layouts and archives are collected for other tools (read-back/collect.ts).
 */
export function assertImagesValid(dir: string): void {
  const faults = [...faultsBelow(dir)];
  if (faults.length > 0)
    throw new Error(`Not as the OCI image specification says:\n${faults.join('\n')}`);
}

function* faultsBelow(dir: string, name = dir): Generator<string> {
  if (existsSync(join(dir, 'oci-layout'))) collectLayout(dir, name);
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory() && !NO_DOCUMENTS.has(entry.name)) yield* faultsBelow(path);
    if (!entry.isFile()) continue;
    if (IS_BLOB.test(entry.name)) yield* faultsOf(path);
    else if (entry.name.endsWith('.tar')) yield* faultsOfArchive(path);
  }
}

function* faultsOf(path: string): Generator<string> {
  const document = readDocument(path);
  const kind = document === undefined ? undefined : kindOf(document);
  if (kind === undefined) return;
  // Docker's own types, where a test asked for those; the rest has to be the same.
  const { mediaType, ...rest } = document ?? {};
  const isDocker = String(mediaType).startsWith('application/vnd.docker.distribution.');
  for (const fault of ociFaults(kind, isDocker ? rest : document)) yield `${path}: ${fault}`;
}

/** Undefined for what is no JSON object. */
function readDocument(path: string): Record<string, unknown> | undefined {
  if (statSync(path).size > MAX_DOCUMENT_BYTES || firstByte(path) !== '{') return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function firstByte(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const byte = Buffer.alloc(1);
    return byte.toString('latin1', 0, readSync(fd, byte));
  } finally {
    closeSync(fd);
  }
}

function kindOf(document: Record<string, unknown>): 'manifest' | 'index' | 'config' | undefined {
  if ('rootfs' in document) return 'config';
  if ('manifests' in document) return 'index';
  return 'layers' in document && 'config' in document ? 'manifest' : undefined;
}

/** Archives of files alone have no documents. */
function* faultsOfArchive(path: string): Generator<string> {
  const listed = spawnSync('tar', ['-tf', path], { encoding: 'utf8' });
  const names = new Set(listed.stdout.split('\n'));
  if (listed.status !== 0 || !names.has('oci-layout')) return;
  const extracted = mkdtempSync(join(tmpdir(), 'stagecraft-documents-'));
  try {
    spawnSync('tar', ['-xf', path, '-C', extracted]);
    yield* faultsBelow(extracted, path);
  } finally {
    rmSync(extracted, { recursive: true, force: true });
  }
}
