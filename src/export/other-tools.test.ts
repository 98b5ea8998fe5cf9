import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDiskBlobStore } from '../content/disk-blob-store.ts';
import { exportImage } from './export-image.ts';
import { idOf, sampleImage } from './image.fixture.ts';
import { parseOutput } from './parse-output.ts';

const isRoot = process.geteuid?.() === 0;
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

let work: string;
let id: string;

beforeAll(async () => {
  if (!isRoot) return;
  work = mkdtempSync(join(tmpdir(), 'other-tools-'));
  const root = join(work, 'store');
  mkdirSync(root);
  const image = await sampleImage(join(work, 'layers'));
  id = idOf(image);
  const deps = { blobs: openDiskBlobStore(root), root, cwd: work, stdout: new PassThrough() };
  const outputs = [
    'type=oci,dest=oci.tar',
    'type=oci,dest=layout,tar=false,compression=uncompressed',
    'type=docker,dest=docker.tar',
    'type=docker,dest=plain.tar,oci-mediatypes=false,compression=uncompressed',
    'type=tar,dest=root.tar',
    'type=local,dest=files',
  ];
  for (const output of outputs) {
    await exportImage(parseOutput(output), [image], deps, new AbortController().signal);
  }
  // Podman reads an OCI archive that lists one image only.
  const single = { ...image, references: ['app:1'] };
  const output = parseOutput('type=oci,dest=single.tar');
  await exportImage(output, [single], deps, new AbortController().signal);
});
afterAll(() => {
  if (isRoot) rmSync(work, { recursive: true });
});

function run(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: work });
  expect(`${program}: ${stderr.toString()}`.slice(0, status === 0 ? 0 : 2000)).toBe('');
  return stdout.toString();
}

/** All that a directory holds, as text: names, modes, owners, times, links, attributes, content. */
function facts(dir: string): string {
  const script = `
import os, sys, hashlib, stat
root = sys.argv[1]
for base, dirs, files in os.walk(root):
    dirs.sort()
    for name in sorted(dirs + files):
        path = os.path.join(base, name)
        s = os.lstat(path)
        line = [os.path.relpath(path, root), oct(s.st_mode), s.st_uid, s.st_gid, int(s.st_mtime)]
        if stat.S_ISLNK(s.st_mode): line.append(os.readlink(path))
        if stat.S_ISREG(s.st_mode):
            line += [s.st_nlink, hashlib.sha256(open(path, 'rb').read()).hexdigest()]
            line += [(x, os.getxattr(path, x)) for x in os.listxattr(path) if x.startswith('user.')]
        print(ascii(line))
`;
  return run('python3', '-c', script, dir);
}

describe.skipIf(!isRoot)('exported images', () => {
  it
    .skipIf(!has('skopeo'))
    .each([
      'oci-archive:oci.tar:1',
      'oci:layout:1',
      'docker-archive:docker.tar:app:1',
      'docker-archive:plain.tar:app:1',
    ])('are read by skopeo: %s', (source) => {
    const config = run('skopeo', 'inspect', '--config', '--raw', source);
    expect(JSON.parse(config)).toMatchObject({
      architecture: 'amd64',
      config: { Cmd: ['/bin/tool'] },
    });
    run('skopeo', 'copy', '-q', source, `dir:${join(work, source.replace(/\W/g, '-'))}`);
  });

  it.skipIf(!has('umoci') || !has('python3')).each(['layout:1', 'layout:latest'])(
    'come back identical when umoci unpacks them: %s',
    (name) => {
      const bundle = join(work, name.replace(':', '-'));
      run('umoci', 'unpack', '--image', name, bundle);
      const rootfs = join(bundle, 'rootfs');
      expect(facts(rootfs)).toBe(facts(join(work, 'files')));
      expect(lstatSync(join(rootfs, 'bin/tool')).mode & 0o7777).toBe(0o4755);
    },
  );

  it.skipIf(!has('tar') || !has('python3'))('give the same files as tar and as directory', () => {
    mkdirSync(join(work, 'from-tar'));
    run('tar', '-xpf', 'root.tar', '-C', 'from-tar', '--xattrs', '--xattrs-include=user.*');
    expect(facts(join(work, 'from-tar'))).toBe(facts(join(work, 'files')));
  });

  it.skipIf(!has('podman'))(
    'are loaded by podman with their names and their id',
    () => {
      const storage = ['--root', join(work, 'podman'), '--runroot', join(work, 'podman-run')];
      const podman = (...args: readonly string[]): string =>
        run('podman', ...storage, '--storage-driver', 'vfs', ...args);
      try {
        for (const archive of ['docker.tar', 'plain.tar', 'single.tar']) {
          podman('load', '-q', '-i', archive);
          const ids = podman('images', '--no-trunc', '-q').trim().split('\n');
          expect(new Set(ids)).toEqual(new Set([id]));
          if (archive !== 'single.tar') {
            const names = podman('images', '--format', '{{.Repository}}:{{.Tag}}')
              .trim()
              .split('\n');
            expect(names).toContain('example.com:5000/team/app:latest');
            // Podman files the short names of such archives under a registry of its own choice.
            expect(names.some((name) => name.endsWith('/app:1'))).toBe(true);
            expect(names.length).toBe(2);
          }
          podman('rmi', '-f', id);
        }
      } finally {
        rmSync(join(work, 'podman'), { recursive: true, force: true });
      }
    },
    60_000,
  );
});
