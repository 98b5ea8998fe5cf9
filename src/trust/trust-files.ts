import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../host/sys.ts';
import { parseAuthorities, withoutKnown, type Authority } from './authorities.ts';
import { createJavaKeyStore } from './java-key-store.ts';

/** What a step gets besides the bundles of its image: files of ours and the variables that name them. */
export interface TrustFiles {
  /** Host directory to mount at `TRUST_DIRECTORY`, for reading. */
  readonly dir: string;
  /** `NAME=value`; what the Dockerfile sets goes before. */
  readonly env: readonly string[];
}

/** In /dev, which is the step's own: the place leaves no trace in the image. */
export const TRUST_DIRECTORY = '/dev/ca-trust';

/** Variables that name all authorities: what they name takes the place of a program's own. */
const BUNDLE_VARIABLES: readonly string[] = [
  // OpenSSL, and with it Python, Ruby, PHP and wget2; Go; rustls.
  'SSL_CERT_FILE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'REQUESTS_CA_BUNDLE',
  'PIP_CERT',
  'CARGO_HTTP_CAINFO',
  'BUNDLE_SSL_CA_CERT',
  'AWS_CA_BUNDLE',
  'NIX_SSL_CERT_FILE',
  'HEX_CACERTS_PATH',
  'HTTPLIB2_CA_CERTS',
  'CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE',
  'GRPC_DEFAULT_SSL_ROOTS_FILE_PATH',
];
/** Variables that name authorities which come on top of a program's own. */
const EXTRA_VARIABLES: readonly string[] = ['NODE_EXTRA_CA_CERTS', 'DENO_CERT'];
/** Options of programs that start Java. Java's own variables would make it print a line. */
const JAVA_VARIABLES: readonly string[] = ['MAVEN_OPTS', 'GRADLE_OPTS'];

const BUNDLE = 'ca.pem';
const EXTRA = 'given.pem';
const JAVA_STORE = 'cacerts';
const WGET = 'wgetrc';
const APT = 'apt.conf';

/** What the files are made of. */
export interface TrustFilesRequest {
  readonly authorities: readonly Authority[];
  /** The image's PEM bundle; undefined when it has none. */
  readonly ownBundle: string | undefined;
  /** The authorities that Node comes with, in PEM form: also for images without a bundle. */
  readonly publicRoots: readonly string[];
  /** True when the user has settings for wget, which the variable would hide. */
  readonly hasWgetSettings: boolean;
}

/** Writes the files below `parent`, once per content, as many steps share them. */
export function writeTrustFiles(parent: string, request: TrustFilesRequest): TrustFiles {
  const { authorities, ownBundle, publicRoots } = request;
  const roots = ownBundle === undefined ? publicRoots : [ownBundle];
  const all = parseAuthorities([...roots, ...authorities.map(({ pem }) => pem)]);
  // Node reads this file at each start, so it is kept short.
  const extra = withoutKnown(authorities, parseAuthorities(publicRoots));
  const files: Readonly<Record<string, Buffer | string>> = {
    [BUNDLE]: pemOf(all),
    [EXTRA]: pemOf(extra),
    [JAVA_STORE]: createJavaKeyStore(all),
    [WGET]: `ca_certificate = ${pathOf(BUNDLE)}\n`,
    [APT]: `Acquire::https::CAInfo "${pathOf(BUNDLE)}";\n`,
  };
  return {
    dir: writeOnce(parent, files),
    env: [
      ...BUNDLE_VARIABLES.map((name) => `${name}=${pathOf(BUNDLE)}`),
      ...EXTRA_VARIABLES.map((name) => `${name}=${pathOf(EXTRA)}`),
      ...JAVA_VARIABLES.map((name) => `${name}=-Djavax.net.ssl.trustStore=${pathOf(JAVA_STORE)}`),
      ...(request.hasWgetSettings ? [] : [`WGETRC=${pathOf(WGET)}`]),
      `APT_CONFIG=${pathOf(APT)}`,
    ],
  };
}

function pathOf(name: string): string {
  return `${TRUST_DIRECTORY}/${name}`;
}

function pemOf(authorities: readonly Authority[]): string {
  return authorities.map(({ pem }) => pem).join('');
}

function writeOnce(parent: string, files: Readonly<Record<string, Buffer | string>>): string {
  const hash = createHash('sha256');
  for (const content of Object.values(files)) hash.update(content);
  const path = join(parent, `trust-${hash.digest('hex').slice(0, 16)}`);
  // Its name says what is in it. Half of it is never there under that name.
  if (existsSync(path)) return path;
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const made = mkdtempSync(join(parent, 'trust-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(made, name), content);
      chmodSync(join(made, name), 0o644);
    }
    chmodSync(made, 0o755);
    renameSync(made, path);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    // Another process made it meanwhile.
    if (!hasCode(error, 'EEXIST', 'ENOTEMPTY')) throw error;
  }
  return path;
}
