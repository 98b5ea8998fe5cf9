import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { BaseImage } from './base-images.ts';
import type { HostSettings } from './host-settings.ts';
import { readDebianAuthorities, readHostSettings } from './host-settings.ts';
import type { LayoutConfig } from './layout.ts';
import { writeLayout } from './layout.ts';
/** Raised when the way of making changes, for each way. */
const FORMAT = { debian: '2', busybox: '3' } as const;
/** Says in the image that it is a stand-in, and for what. */
const STAND_IN_LABEL = 'dev.stagecraft.stand-in';
/** In `commands`: an image of busybox without busybox. */
const NO_SHELL = 'NO_SHELL';
const BUSYBOX_DIRECTORIES = [
  'bin',
  'sbin',
  'etc/ssl/certs',
  'root',
  'tmp',
  'home',
  'var/tmp',
  'usr/bin',
  'usr/sbin',
  'usr/local/bin',
  'usr/local/sbin',
  'usr/share/nginx',
] as const;
const FILES = join(import.meta.dirname, 'files');
/** As in the official images: apt keeps nothing that it downloaded. */
const DEBIAN_FILES = { '/etc/apt/apt.conf.d/docker-clean': 'docker-clean' } as const;
/** The cache of the test suite: STAGECRAFT_TEST_CACHE, else below the user's cache directory. */
export function cacheDirectory(): string {
  const { STAGECRAFT_TEST_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  return own ?? join(xdg ?? join(homedir(), '.cache'), 'stagecraft-test');
}

/** Makes a stand-in unless it is in the cache; gives the directory of its OCI layout. */
export async function ensureBase(image: BaseImage, say: (text: string) => void): Promise<string> {
  const settings = readHostSettings();
  const dir = join(cacheDirectory(), 'bases', `${image.recipe}-${keyOf(image, settings)}`);
  if (existsSync(join(dir, 'index.json'))) return dir;
  mkdirSync(dirname(dir), { recursive: true });
  say(`making the stand-in for ${image.names.join(', ')}`);
  const work = mkdtempSync(`${dir}.`);
  try {
    const tar = join(work, 'root.tar');
    if (image.from === 'debian') makeDebian(image, settings, work, tar);
    else makeBusybox(image, settings, work, { tar, program: '/bin/busybox' });
    const roots = [{ architecture: 'amd64', tar }];
    if (image.isForArm === true) roots.push(makeForArm(image, settings, work));
    await writeLayout(join(work, 'layout'), roots, configOf(image));
    renameSync(join(work, 'layout'), dir);
  } catch (error) {
    if (!existsSync(join(dir, 'index.json'))) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return dir;
}

function keyOf(image: BaseImage, settings: HostSettings): string {
  const own = { ...(image.from === 'debian' && DEBIAN_FILES), ...image.files };
  const files = Object.values(own).map((name) => readFileSync(join(FILES, name), 'utf8'));
  const authorities = image.from === 'busybox' ? readDebianAuthorities() : '';
  const all = JSON.stringify([FORMAT[image.from], image, settings.sources, files, authorities]);
  return createHash('sha256').update(all).digest('hex').slice(0, 12);
}

function configOf(image: BaseImage): LayoutConfig {
  return { ...image.config, Labels: { [STAND_IN_LABEL]: image.names[0] ?? image.recipe } };
}

/** The same with a program for the other processor, which nothing runs here. */
function makeForArm(
  image: BaseImage,
  settings: HostSettings,
  work: string,
): { readonly architecture: string; readonly tar: string } {
  const extracted = join(work, 'arm64');
  const foreign = { ...image, packages: ['busybox-static'] };
  runMmdebstrap(foreign, settings, ['--variant=extract', '--architectures=arm64'], extracted);
  const tar = join(work, 'root-arm64.tar');
  makeBusybox(image, settings, work, { tar, program: join(extracted, 'bin/busybox') });
  return { architecture: 'arm64', tar };
}

function makeBusybox(
  image: BaseImage,
  settings: HostSettings,
  work: string,
  { tar, program }: { readonly tar: string; readonly program: string },
): void {
  const root = mkdtempSync(join(work, 'root-'));
  chmodSync(root, 0o755);
  const { packages } = image;
  if (packages.length > 0) runMmdebstrap(image, settings, ['--variant=extract'], root);
  for (const dir of BUSYBOX_DIRECTORIES) mkdirSync(join(root, dir), { recursive: true });
  chmodSync(join(root, 'tmp'), 0o1777);
  if (!image.commands.includes(NO_SHELL)) putBusybox(root, program);
  writeAccounts(root);
  writeFileSync(join(root, 'etc/ssl/certs/ca-certificates.crt'), readDebianAuthorities());
  putFiles(image.files ?? {}, root);
  const commands = image.commands.filter((command) => command !== NO_SHELL);
  if (commands.length > 0) {
    const script = join(work, 'customize.sh');
    writeFileSync(script, customizeScript({ ...image, files: {}, commands }, work), {
      mode: 0o755,
    });
    execFileSync(script, [root], { stdio: ['ignore', 'ignore', 'inherit'] });
  }
  // Files of packages have owners of their own; without any, all belong to root, whoever makes it.
  const owners = packages.length > 0 ? [] : ['--owner=0', '--group=0'];
  const words = ['--sort=name', ...owners, '--numeric-owner', '-cf', tar, '.'];
  execFileSync('tar', ['-C', root, ...words]);
}

function putBusybox(root: string, program: string): void {
  copyFileSync(program, join(root, 'bin/busybox'));
  const list = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' });
  for (const name of list.trim().split('\n')) {
    if (!existsSync(join(root, 'bin', name))) symlinkSync('busybox', join(root, 'bin', name));
  }
  // Where "#!" lines look for it.
  if (!existsSync(join(root, 'usr/bin/env'))) {
    symlinkSync('../../bin/busybox', join(root, 'usr/bin/env'));
  }
}

function writeAccounts(root: string): void {
  const users = [
    'root:x:0:0:root:/root:/bin/sh',
    'nobody:x:65534:65534:nobody:/:/bin/false',
    'nonroot:x:65532:65532:nonroot:/home/nonroot:/bin/false',
  ];
  writeFileSync(join(root, 'etc/passwd'), `${users.join('\n')}\n`);
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
}

function makeDebian(image: BaseImage, settings: HostSettings, work: string, tar: string): void {
  const stage = join(work, 'files');
  mkdirSync(stage);
  putFiles({ ...DEBIAN_FILES, ...image.files }, stage);
  const script = join(work, 'customize.sh');
  const text = customizeScript(image, work, stage);
  writeFileSync(script, text, { mode: 0o755 });
  const words = [
    '--variant=minbase',
    // Java's packages link manual pages there, which are left out here.
    '--setup-hook=mkdir -p "$1/usr/share/man/man1"',
    `--customize-hook=${script} "$1"`,
  ];
  runMmdebstrap(image, settings, words, tar);
}

/** Puts the packages of an image at `target`, a directory or a tar. */
function runMmdebstrap(
  image: BaseImage,
  settings: HostSettings,
  words: readonly string[],
  target: string,
): void {
  const backports = image.backports ?? [];
  const includes = [...image.packages, ...backports];
  const sources = [...settings.sources, ...(backports.length === 0 ? [] : [settings.backports])];
  const result = spawnSync(
    'mmdebstrap',
    [
      '--mode=root',
      '--aptopt=APT::Install-Recommends "false"',
      '--dpkgopt=path-exclude=/usr/share/doc/*',
      '--dpkgopt=path-exclude=/usr/share/man/*',
      '--dpkgopt=path-exclude=/usr/share/locale/*',
      ...includes.map((name) => `--include=${name}`),
      ...words,
      'bookworm',
      target,
      ...sources,
    ],
    { encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } },
  );
  if (result.status !== 0) {
    throw new Error(`mmdebstrap failed for ${image.recipe}:\n${result.stderr.slice(-3000)}`);
  }
}

/** With `stage`, a directory whose files go into the image. */
function customizeScript(image: BaseImage, work: string, stage?: string): string {
  const files =
    stage === undefined
      ? []
      : [
          `tar -C '${stage}' -cf - . | tar -C "$1" --keep-directory-symlink --no-overwrite-dir -xf -`,
        ];
  const npm = (image.npm ?? []).map(({ name, into }) => {
    const tarball = npmPack(name, work);
    return `mkdir -p "$1${into}" && tar -C "$1${into}" --strip-components=1 --no-same-owner -xzf '${tarball}'`;
  });
  return [
    '#!/bin/sh',
    'set -e',
    ...files,
    ...npm,
    ...image.commands.map((command) => `chroot "$1" sh -ec '${command.replaceAll("'", "'\\''")}'`),
    // Options of mmdebstrap's own, which would stay: official images install what packages recommend.
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin "$1"/var/log/*.log "$1"/etc/apt/apt.conf.d/99mmdebstrap',
    '',
  ].join('\n');
}

function putFiles(files: Readonly<Record<string, string>>, root: string): void {
  for (const [path, name] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(join(FILES, name), join(root, path));
    chmodSync(join(root, path), 0o755);
  }
}

function npmPack(name: string, work: string): string {
  const dir = mkdtempSync(join(work, 'npm-'));
  execFileSync('npm', ['pack', '--silent', name], {
    cwd: dir,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [tarball] = readdirSync(dir);
  if (tarball === undefined) throw new Error(`npm has no package "${name}"`);
  return join(dir, tarball);
}
