import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  type Stats,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDiskBlobStore } from '../content/disk-blob-store.ts';
import type { WrittenImage } from '../events/event.ts';
import { lgetxattr } from '../host/xattr.ts';
import { openDirTree } from '../tree/dir-tree.ts';
import { cannotWriteTo } from './errors.ts';
import { exportImage, type ExportDeps } from './export-image.ts';
import type { ExportableImage } from './image-blobs.ts';
import { textToBytes } from '../core/bytes.ts';
import { idOf, sampleImage } from './image.fixture.ts';
import { parseOutput } from './parse-output.ts';

const never = new AbortController().signal;

let work: string;
let deps: ExportDeps;
let image: ExportableImage;
let out: Buffer[];

beforeEach(async () => {
  work = mkdtempSync(join(tmpdir(), 'export-image-'));
  const root = join(work, 'store');
  mkdirSync(root);
  mkdirSync(join(work, 'cwd'));
  out = [];
  const stdout = new PassThrough();
  stdout.on('data', (chunk: Buffer) => out.push(Buffer.from(chunk)));
  deps = { blobs: openDiskBlobStore(root), root, cwd: join(work, 'cwd'), stdout };
  image = await sampleImage(join(work, 'layers'));
});
afterEach(() => rmSync(work, { recursive: true }));

const run = (output: string, images = [image], signal = never): Promise<WrittenImage> =>
  exportImage(parseOutput(output), images, deps, signal);

const inCwd = (name: string): string => join(work, 'cwd', name);

function tarList(archive: Buffer | string): string[] {
  const file = typeof archive === 'string' ? archive : '-';
  const input = typeof archive === 'string' ? undefined : archive;
  const args = ['-tf', file, '--quoting-style=literal'];
  return spawnSync('tar', args, { input }).stdout.toString().trim().split('\n');
}

function tarJson(archive: string, name: string): unknown {
  return JSON.parse(spawnSync('tar', ['-xOf', archive, name]).stdout.toString());
}

describe('an OCI archive', () => {
  it('has the config as it was given, and an entry for each name', async () => {
    const written = await run('type=oci,dest=out.tar,name=other:2');
    expect(written.destination).toBe('oci out.tar');
    expect(written.bytes).toBe(lstatSync(inCwd('out.tar')).size);
    const index = tarJson(inCwd('out.tar'), 'index.json') as Record<string, unknown>;
    expect(index).toMatchObject({
      manifests: [
        {
          digest: written.digest,
          platform: { architecture: 'amd64', os: 'linux' },
          annotations: {
            'io.containerd.image.name': 'docker.io/library/other:2',
            'org.opencontainers.image.ref.name': '2',
          },
        },
        { annotations: { 'io.containerd.image.name': 'docker.io/library/app:1' } },
        { annotations: { 'io.containerd.image.name': 'example.com:5000/team/app:latest' } },
      ],
    });
    const manifest = tarJson(inCwd('out.tar'), `blobs/sha256/${written.digest.slice(7)}`);
    expect(manifest).toMatchObject({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { digest: idOf(image), size: image.configBytes.length },
      layers: [
        { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
        { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
      ],
    });
  });

  it('is the same each time, on a file and on standard output', async () => {
    await run('type=oci,dest=one.tar');
    await run('type=oci,dest=two.tar');
    await run('type=oci,dest=-');
    const one = readFileSync(inCwd('one.tar'));
    expect(readFileSync(inCwd('two.tar')).equals(one)).toBe(true);
    expect(Buffer.concat(out).equals(one)).toBe(true);
  });

  it('lists several platforms in an index', async () => {
    const other = await sampleImage(join(work, 'arm'), 'arm64');
    const written = await run('type=oci,dest=out.tar', [image, other]);
    const index = tarJson(inCwd('out.tar'), `blobs/sha256/${written.digest.slice(7)}`);
    expect(index).toMatchObject({
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ platform: { architecture: 'amd64' } }, { platform: { architecture: 'arm64' } }],
    });
    await expect(run('type=docker,dest=out.tar', [image, other])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });

  it('keeps the blobs that base layers came with, under the type that fits', async () => {
    const bytes = Buffer.from('compressed elsewhere');
    const digest = deps.blobs.writeBytes(bytes);
    const mediaType = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
    const layers = image.layers.map((layer, index) =>
      index === 0 ? { ...layer, blob: { mediaType, digest, size: bytes.length } } : layer,
    );
    const { digest: top } = await run('type=oci,dest=out.tar', [{ ...image, layers }]);
    const manifest = tarJson(inCwd('out.tar'), `blobs/sha256/${top.slice(7)}`);
    const oci = 'application/vnd.oci.image.layer.v1.tar+gzip';
    expect(manifest).toMatchObject({
      layers: [{ mediaType: oci, digest, size: bytes.length }, { mediaType: oci }],
    });
  });
});

describe('an OCI directory', () => {
  it('takes further images and moves names', async () => {
    await run('type=oci,dest=layout,tar=false');
    const other = await sampleImage(join(work, 'arm'), 'arm64');
    const { digest } = await run('type=oci,dest=layout,tar=false', [
      { ...other, references: ['app:1'] },
    ]);
    const index = JSON.parse(readFileSync(inCwd('layout/index.json'), 'utf8')) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    const names = index.manifests.map((entry) => entry.annotations['io.containerd.image.name']);
    expect(names).toEqual(['example.com:5000/team/app:latest', 'docker.io/library/app:1']);
    expect(index.manifests[1]?.digest).toBe(digest);
    expect(readdirSync(join(work, 'cwd'))).toEqual(['layout']);
  });

  it('is not mixed with other files', async () => {
    mkdirSync(inCwd('layout'));
    writeFileSync(inCwd('layout/mine'), 'x');
    const made = run('type=oci,dest=layout,tar=false');
    await expect(made).rejects.toMatchObject({ code: 'EXPORT_WRITE' });
    expect(readdirSync(inCwd('layout'))).toEqual(['mine']);
  });
});

describe('a Docker archive', () => {
  it('names config, layers and tags as docker load wants them', async () => {
    await run('type=docker,dest=out.tar');
    const manifest = tarJson(inCwd('out.tar'), 'manifest.json') as { Layers: string[] }[];
    expect(manifest).toMatchObject([
      {
        Config: `blobs/sha256/${idOf(image).slice(7)}`,
        RepoTags: ['app:1', 'example.com:5000/team/app:latest'],
      },
    ]);
    const names = tarList(inCwd('out.tar'));
    for (const layer of manifest[0]?.Layers ?? []) expect(names).toContain(layer);
    const repositories = tarJson(inCwd('out.tar'), 'repositories') as object;
    expect(Object.keys(repositories)).toEqual(['app', 'example.com:5000/team/app']);
  });
});

describe('the files as a tar archive', () => {
  it('holds what the layers show together', async () => {
    await run('type=tar,dest=-');
    expect(tarList(Buffer.concat(out))).toEqual([
      'absolute',
      'bin/',
      'bin/tool',
      'bin/tool-too',
      'data/',
      'data/large',
      'data/noted',
      'etc/',
      'etc/link',
      'etc/naïve ☃',
      'etc/owned',
      'tmp/',
      'tmp/fifo',
    ]);
  });

  it.each(['type=tar,dest=-', 'type=local,dest=files'])(
    'has the times of layers that were clamped: %s',
    async (output) => {
      const clampMtimes = new Map([[textToBytes(join(work, 'layers/base')), 1_000_000_000]]);
      await run(output, [{ ...image, clampMtimes }]);
      mkdirSync(inCwd('files'), { recursive: true });
      if (out.length > 0) spawnSync('tar', ['-xC', inCwd('files')], { input: Buffer.concat(out) });
      const times = ['bin/tool', 'data/large'].map((name) => lstatSync(inCwd(`files/${name}`)));
      expect(times.map(({ mtimeMs }) => mtimeMs / 1000)).toEqual([1_000_000_000, 1_600_000_000]);
    },
  );

  it('keeps platforms apart', async () => {
    await run('type=tar,dest=out.tar', [image, await sampleImage(join(work, 'arm'), 'arm64')]);
    const names = tarList(inCwd('out.tar'));
    expect(names).toContain('linux_amd64/bin/tool');
    expect(names).toContain('linux_arm64/bin/tool');
    await run('type=tar,dest=one.tar,platform-split=true');
    expect(tarList(inCwd('one.tar'))).toContain('linux_amd64/bin/tool');
  });

  it.each(['tar', 'local'])('joins platforms where that is asked for: %s', async (type) => {
    const arm = await sampleImage(join(work, 'arm'), 'arm64');
    const path = join(work, 'joined');
    mkdirSync(join(path, 'etc'), { recursive: true });
    writeFileSync(join(path, 'etc/of-arm'), '');
    await run(`type=${type},dest=out,platform-split=false`, [
      image,
      { ...arm, tree: openDirTree(path) },
    ]);
    const names = type === 'tar' ? tarList(inCwd('out')) : readdirSync(inCwd('out/etc')).sort();
    expect(names).toContain(type === 'tar' ? 'etc/of-arm' : 'of-arm');
    expect(names).toContain(type === 'tar' ? 'etc/owned' : 'owned');
    if (type === 'tar') expect(names.filter((name) => name === 'etc/')).toHaveLength(1);
    await expect(
      run(`type=${type},dest=twice,platform-split=false`, [image, arm]),
    ).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message:
        'Cannot export to one directory: cannot overwrite absolute from linux/amd64 with linux/arm64 when split option is disabled',
    });
    expect(existsSync(inCwd('twice'))).toBe(false);
  });
});

describe('the files as a directory', () => {
  it('are copies with owners, modes, links, times and attributes', async () => {
    await run('files');
    const at = (name: string): Stats => lstatSync(inCwd(`files/${name}`));
    expect(at('bin/tool').mode & 0o7777).toBe(0o4755);
    expect(at('bin/tool').ino).toBe(at('bin/tool-too').ino);
    expect(at('bin/tool').nlink).toBe(2);
    expect([at('etc/owned').uid, at('etc/owned').gid]).toEqual([1234, 70000]);
    expect(readlinkSync(inCwd('files/absolute'))).toBe('/etc');
    expect(at('data').mode & 0o7777).toBe(0o2750);
    expect(at('tmp').mode & 0o7777).toBe(0o1777);
    expect(at('tmp/fifo').isFIFO()).toBe(true);
    expect(at('etc').mtimeMs).toBe(1_600_000_000_000);
    expect(at('bin').mtimeMs).toBe(1_600_000_000_000);
    expect(lgetxattr(inCwd('files/data/noted'), 'user.note')).toEqual(Buffer.from([0, 1, 255]));
    expect(existsSync(inCwd('files/etc/removed'))).toBe(false);
    expect(at('data/large').nlink).toBe(1);
  });

  it('join those that are there, and never go through a link', async () => {
    mkdirSync(inCwd('files/etc'), { recursive: true });
    writeFileSync(inCwd('files/etc/mine'), 'kept');
    writeFileSync(inCwd('files/etc/owned'), 'old');
    mkdirSync(join(work, 'outside'));
    writeFileSync(join(work, 'outside/owned'), 'untouched');
    symlinkSync(join(work, 'outside'), inCwd('files/bin'));
    symlinkSync(join(work, 'outside/owned'), inCwd('files/etc/link'));
    await run('type=local,dest=files');
    expect(readFileSync(inCwd('files/etc/mine'), 'utf8')).toBe('kept');
    expect(readFileSync(inCwd('files/etc/owned'), 'utf8')).toBe('mine\n');
    expect(lstatSync(inCwd('files/bin')).isDirectory()).toBe(true);
    expect(readlinkSync(inCwd('files/etc/link'))).toBe('../bin/tool');
    expect(readdirSync(join(work, 'outside'))).toEqual(['owned']);
    expect(readFileSync(join(work, 'outside/owned'), 'utf8')).toBe('untouched');
    expect(lstatSync(inCwd('files/etc')).mtimeMs).toBe(1_600_000_000_000);
    expect(readdirSync(inCwd('files')).sort()).toEqual(['absolute', 'bin', 'data', 'etc', 'tmp']);
  });

  it('do not take the place of a directory', async () => {
    mkdirSync(inCwd('files/etc/owned/by/me'), { recursive: true });
    await expect(run('files')).rejects.toMatchObject({ code: 'EXPORT_WRITE' });
    expect(readdirSync(inCwd('files'))).toEqual(['etc']);
  });
});

describe('an export that fails', () => {
  it.each(['type=oci,dest=out', 'type=docker,dest=out', 'type=oci,dest=out,tar=false'])(
    'leaves nothing: %s',
    async (output) => {
      const broken = { ...image, layers: [...image.layers] };
      const first = image.layers[0];
      const second = image.layers[1];
      if (first === undefined || second === undefined) throw new Error('The image has no layers');
      broken.layers[1] = { ...first, diffId: second.diffId };
      await expect(run(output, [broken])).rejects.toMatchObject({ code: 'LAYER_CHANGED' });
      expect(readdirSync(join(work, 'cwd'))).toEqual([]);
    },
  );

  it.each(['type=tar,dest=out', 'type=local,dest=out', 'type=local,dest=there'])(
    'leaves nothing when a file cannot be read: %s',
    async (output) => {
      mkdirSync(inCwd('there'));
      rmSync(join(work, 'layers/top/data/large'));
      const large = join(work, 'layers/top/data/large');
      const listed = { ...image.tree };
      listed.lookup = image.tree.lookup.bind(image.tree);
      listed.list = image.tree.list.bind(image.tree);
      listed.child = (directory, name) => {
        const node = image.tree.child(directory, name);
        if (name !== 'noted' || node === undefined) return node;
        return { ...node, type: 'file', size: 9, hostPath: large as typeof node.hostPath };
      };
      await expect(run(output, [{ ...image, tree: listed }])).rejects.toThrow();
      expect(readdirSync(join(work, 'cwd'))).toEqual(['there']);
      expect(readdirSync(inCwd('there'))).toEqual([]);
    },
  );

  it('keeps the former file', async () => {
    writeFileSync(inCwd('out.tar'), 'former');
    const stop = new AbortController();
    stop.abort(new Error('stopped'));
    await expect(run('type=oci,dest=out.tar', [image], stop.signal)).rejects.toThrow('stopped');
    expect(readFileSync(inCwd('out.tar'), 'utf8')).toBe('former');
  });

  it('says where it could not write', async () => {
    await expect(run('type=oci,dest=no/such/out.tar')).rejects.toMatchObject({
      code: 'EXPORT_WRITE',
      message: expect.stringContaining('no such file or directory') as string,
    });
    mkdirSync(inCwd('dir'));
    await expect(run('type=tar,dest=dir')).rejects.toThrow('is a directory');
  });

  it.each([
    ['symlink', 'EPERM', 'its file system has no symbolic links (EPERM)'],
    ['link', 'ENOSYS', 'its file system has no hard links (ENOSYS)'],
    ['link', 'EPERM', 'operation not permitted (EPERM)'],
    ['open', 'EILSEQ', 'its file system does not take the name of a file (EILSEQ)'],
    ['open', 'EACCES', 'operation not permitted (EACCES)'],
  ])('says what the file system of the destination lacks: %s, %s', (syscall, code, reason) => {
    const cause = Object.assign(new Error(`${code}: operation not permitted, ${syscall} 'a'`), {
      ...{ code, syscall },
    });
    expect(cannotWriteTo('out', cause).message).toBe(`Cannot export to "out": ${reason}`);
  });

  it('does not write an archive to a terminal', async () => {
    deps = { ...deps, stdout: Object.assign(new PassThrough(), { isTTY: true }) };
    await expect(run('type=oci,dest=-')).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
  });
});

describe('pushing', () => {
  it('is refused where nobody can do it', async () => {
    const pushed = run('type=registry,name=example.com/app');
    await expect(pushed).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('hands over blobs that are all in the store', async () => {
    const seen: string[] = [];
    deps = {
      ...deps,
      push: async (makeBlobs, references) => {
        const images = await makeBlobs(() => undefined);
        for (const { layers } of images) {
          for (const { digest, size } of layers) expect(deps.blobs.sizeOf(digest)).toBe(size);
        }
        seen.push(...references.map(({ repository }) => repository));
        return Promise.resolve({ destination: 'pushed', digest: 'd', bytes: 1 });
      },
    };
    await run('type=image,push=true,name=example.com/app');
    expect(seen).toEqual(['app', 'library/app', 'team/app']);
  });
});
