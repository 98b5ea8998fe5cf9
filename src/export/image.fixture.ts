import { chmodSync, chownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { textToBytes } from '../core/bytes.ts';
import { digestOf } from '../core/sha256.ts';
import { makeDevice, mkfifo, mknod, NODE_TYPE, utimesNs } from '../host/sys.ts';
import { lsetxattr } from '../host/xattr.ts';
import type { ImageConfig } from '../image/config.ts';
import { serializeConfig } from '../image/serialize.ts';
import { layerTar } from '../layer/layer-tar.ts';
import { measureLayer } from '../layer/measure-layer.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import type { ExportableImage, ExportableLayer } from './image-blobs.ts';

const never = new AbortController().signal;
const KEEP_TIMES = { clampMtime: undefined };

/** An image of two layers below `root` with what is easily lost: owners, modes, links, attributes. */
export async function sampleImage(root: string, architecture = 'amd64'): Promise<ExportableImage> {
  const base = join(root, 'base');
  const top = join(root, 'top');
  makeBase(base);
  makeTop(top);
  return imageOf([base, top], ['app:1', 'example.com:5000/team/app:latest'], architecture);
}

/** An image of these directories in overlay upper form, bottom to top. */
export async function imageOf(
  dirs: readonly string[],
  references: readonly string[],
  architecture = 'amd64',
): Promise<ExportableImage> {
  const layers: ExportableLayer[] = [];
  for (const dir of dirs) {
    const { diffId, size } = await measureLayer(dir, KEEP_TIMES, never);
    const open = (signal: AbortSignal): AsyncIterable<Uint8Array> =>
      layerTar(dir, KEEP_TIMES, signal);
    layers.push({ diffId, size, blob: undefined, open });
  }
  const config: ImageConfig = {
    architecture,
    os: 'linux',
    created: '2024-05-06T07:08:09Z',
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/tool'], Labels: { a: 'b' } },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: '2024-05-06T07:08:09Z', created_by: 'COPY . .' })),
  };
  return {
    config,
    configBytes: serializeConfig(config),
    platform: { os: 'linux', architecture },
    references,
    tree: openChainTree(dirs.toReversed()),
    layers,
  };
}

/** Digest of a config: the image id. */
export function idOf(image: ExportableImage): string {
  return digestOf(image.configBytes);
}

function makeBase(dir: string): void {
  mkdirSync(join(dir, 'bin'), { recursive: true });
  mkdirSync(join(dir, 'etc'));
  mkdirSync(join(dir, 'tmp'));
  write(join(dir, 'bin/tool'), '#!/bin/sh\necho hi\n', 0o4755);
  linkSync(join(dir, 'bin/tool'), join(dir, 'bin/tool-too'));
  write(join(dir, 'etc/removed'), 'gone\n', 0o644);
  write(join(dir, 'etc/owned'), 'mine\n', 0o640);
  chownSync(join(dir, 'etc/owned'), 1234, 70000);
  symlinkSync('../bin/tool', join(dir, 'etc/link'));
  symlinkSync('/etc', join(dir, 'absolute'));
  write(join(dir, 'etc/naïve ☃'), 'name\n', 0o600);
  mkfifo(join(dir, 'tmp/fifo'), 0o644);
  chmodSync(join(dir, 'tmp'), 0o1777);
  for (const name of ['bin/tool', 'bin', 'etc', 'etc/owned', 'etc/link']) setTime(join(dir, name));
}

function makeTop(dir: string): void {
  mkdirSync(join(dir, 'etc'), { recursive: true });
  mkdirSync(join(dir, 'data'));
  mknod(join(dir, 'etc/removed'), NODE_TYPE.charDevice, makeDevice(0, 0));
  write(join(dir, 'data/large'), Buffer.alloc(3_000_000, 'content '), 0o644);
  write(join(dir, 'data/noted'), 'noted\n', 0o644);
  lsetxattr(textToBytes(join(dir, 'data/noted')), 'user.note', Buffer.from([0, 1, 255]));
  chmodSync(join(dir, 'data'), 0o2750);
  for (const name of ['data', 'etc', 'data/large']) setTime(join(dir, name));
}

function write(path: string, content: string | Buffer, mode: number): void {
  writeFileSync(path, content);
  chmodSync(path, mode);
}

function setTime(path: string): void {
  utimesNs(path, 1_600_000_000_000_000_000n, 1_600_000_000_000_000_000n);
}
