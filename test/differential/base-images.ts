import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContextFile, FileExtras } from './case.ts';
import { writeArchive } from './write-context.ts';

/** A base image as its raw parts, from which both builders get the same one. */
export interface BaseImageFiles {
  /** Name with tag, as a Dockerfile writes it. */
  readonly name: string;
  /** The config as stored. */
  readonly config: Buffer;
  /** Uncompressed layers, bottom to top. */
  readonly layers: readonly { readonly path: string; readonly diffId: string }[];
}

interface BaseSpec {
  readonly name: string;
  readonly config: object;
  readonly layers: readonly (FileExtras & {
    readonly files: Readonly<Record<string, ContextFile>>;
  })[];
}

const CREATED = '2020-02-02T02:02:02Z';
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What the steps of the cases call. */
const APPLETS =
  'sh ash cat cp chmod chown echo env find grep id ln ls mkdir mkfifo mknod mv printf pwd rm rmdir sed sha256sum sleep sort stat tail tar test touch true false wc xargs [ adduser readlink hostname umask unlink';

const passwd = `root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:App:/home/app:/bin/sh
web:x:33:33::/var/www:/bin/false
`;
const group = `root:x:0:
app:x:1001:
www:x:33:web
wheel:x:10:app,root
staff:x:50:app
`;

function busyboxFiles(): Record<string, ContextFile> {
  const files: Record<string, ContextFile> = {
    'bin/busybox': { content: readFileSync('/bin/busybox'), mode: 0o755 },
    tmp: { directory: true, mode: 0o1777 },
    root: { directory: true, mode: 0o700 },
    'home/app': { directory: true },
    'etc/passwd': passwd,
    'etc/group': group,
    // What steps mount on: without these, builders differ in what they leave behind.
    dev: { directory: true },
    proc: { directory: true },
    sys: { directory: true },
    'etc/hosts': '',
    'etc/resolv.conf': '',
  };
  for (const name of APPLETS.split(' ')) files[`bin/${name}`] = { symlink: 'busybox' };
  return files;
}

function specs(): readonly BaseSpec[] {
  const bottom = { files: busyboxFiles(), owners: { 'home/app': [1000, 1001] as const } };
  return [
    { name: 'diff/base:1', config: { Env: [PATH], Cmd: ['sh'] }, layers: [bottom] },
    { name: 'diff/noconfig:1', config: {}, layers: [withoutMountPoints(bottom)] },
    {
      name: 'diff/onbuild:1',
      config: {
        Env: [PATH],
        OnBuild: [
          'ARG from_trigger=yes',
          'COPY . /src/',
          'RUN echo $from_trigger > /triggered',
          'WORKDIR sub',
        ],
        WorkingDir: '/work',
      },
      layers: [bottom],
    },
    richSpec(bottom),
  ];
}

function withoutMountPoints(layer: BaseSpec['layers'][number]): BaseSpec['layers'][number] {
  const points = ['dev', 'proc', 'sys', 'etc/hosts', 'etc/resolv.conf'];
  const kept = Object.entries(layer.files).filter(([path]) => !points.includes(path));
  return { ...layer, files: Object.fromEntries(kept) };
}

/** Every field of the config set, and two layers with every kind of file and removal. */
function richSpec(bottom: BaseSpec['layers'][number]): BaseSpec {
  return {
    name: 'diff/rich:1',
    config: {
      User: 'app',
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Env: [PATH, 'LANG=C.UTF-8', 'EMPTY=', 'WITH_EQ=a=b'],
      Entrypoint: ['/bin/sh', '-c'],
      Cmd: ['echo base'],
      Volumes: { '/data': {} },
      WorkingDir: '/home/app',
      Labels: { vendor: 'base', 'a.b': 'c d' },
      StopSignal: 'SIGINT',
      Healthcheck: { Test: ['CMD-SHELL', 'true'], Interval: 30_000_000_000, Retries: 2 },
      Shell: ['/bin/sh', '-e', '-c'],
    },
    layers: [
      {
        ...bottom,
        files: {
          ...bottom.files,
          'opt/setuid': { content: 'setuid', mode: 0o4755 },
          'opt/setgid': { content: 'setgid', mode: 0o2755 },
          'opt/shared': { directory: true, mode: 0o3777 },
          'opt/one': 'linked',
          'opt/two': { hardLink: 'opt/one' },
          'opt/link': { symlink: 'dir' },
          'opt/absolute': { symlink: '/opt/dir' },
          'opt/dangling': { symlink: '/nowhere/at/all' },
          'opt/dir/file': 'in dir',
          'opt/dir/sub/deep': 'deep',
          'opt/pipe': { fifo: true, mode: 0o600 },
          'opt/gone/file': 'gone',
          'opt/replaced/old': 'old',
          'opt/owned': 'owned',
        },
        owners: {
          'home/app': [1000, 1001],
          'opt/owned': [1000, 1001],
          'opt/dir': [33, 33],
          'opt/dir/sub/deep': [33, 10],
          'opt/link': [1000, 1000],
          'opt/setuid': [1000, 1001],
        },
        xattrs: { 'opt/owned': { 'user.note': 'kept' } },
      },
      {
        files: {
          'opt/.wh.gone': '',
          'opt/replaced/.wh..wh..opq': '',
          'opt/replaced/new': 'new',
        },
      },
    ],
  };
}

/** Makes the base images below `dir`. */
export function makeBaseImages(dir: string): readonly BaseImageFiles[] {
  return specs().map((spec, index) => makeOne(join(dir, String(index)), spec));
}

function makeOne(dir: string, spec: BaseSpec): BaseImageFiles {
  mkdirSync(dir, { recursive: true });
  const layers = spec.layers.map((layer, index) => {
    const path = join(dir, `layer${String(index)}.tar`);
    writeArchive(path, layer);
    const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
    return { path, diffId: `sha256:${digest}` };
  });
  const history = layers.map((_, i) => ({ created: CREATED, created_by: `layer ${String(i)}` }));
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      author: 'somebody',
      created: CREATED,
      config: spec.config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: [...history, { created: CREATED, created_by: 'settings', empty_layer: true }],
    }),
  );
  return { name: spec.name, config, layers };
}

/** Writes an image as `docker save` would, for `docker load`. */
export function writeDockerArchive(image: BaseImageFiles, dir: string): string {
  const staging = join(dir, 'archive');
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, 'config.json'), image.config);
  const names = image.layers.map(({ path }, index) => {
    const name = `layer${String(index)}.tar`;
    writeFileSync(join(staging, name), readFileSync(path));
    return name;
  });
  const manifest = [{ Config: 'config.json', RepoTags: [image.name], Layers: names }];
  writeFileSync(join(staging, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(dir, 'archive.tar');
  execFileSync('tar', ['-C', staging, '-cf', archive, 'manifest.json', 'config.json', ...names]);
  rmSync(staging, { recursive: true });
  return archive;
}
