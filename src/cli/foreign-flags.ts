/**
 * Flags of other builders that people bring along, and what takes their place: for the hint of the
 * error. Flags that mean the same here are not listed, they work. Kaniko: README of
 * osscontainertools/kaniko; Buildah: buildah-build(1).
 */
const KANIKO: Readonly<Record<string, string>> = {
  cache:
    'the cache is always on; share it with "--cache-from NAME --cache-to type=registry,ref=NAME"',
  'cache-copy-layers': 'COPY steps are always cached',
  'cache-dir': '"--root PATH" is the directory that is kept',
  'cache-repo': 'write "--cache-from NAME --cache-to type=registry,ref=NAME"',
  'cache-run-layers': 'RUN steps are always cached',
  'cache-ttl':
    'the cache is bounded by size; "stagecraft prune --filter until=24h" removes what is older',
  cleanup: 'steps never touch the files of this container, so leave it out',
  'compressed-caching': 'leave it out: memory does not grow with layers',
  compression: 'write "-o type=registry,compression=zstd" or another output',
  'compression-level':
    'write "-o type=registry,compression=zstd,compression-level=N" or another output',
  context: 'the build context is the last word: stagecraft build [OPTIONS] PATH',
  'context-sub-path': 'name the directory itself, or for a repository URL#REF:DIRECTORY',
  'custom-platform': 'write "--platform"',
  destination: 'write "--tag NAME --push"',
  'digest-file': 'write "--metadata-file PATH", which has "containerimage.digest"',
  dockerfile: 'write "--file PATH", relative to where you are, not to the context',
  force: 'leave it out: it runs anywhere',
  git: 'name the repository as the build context, URL#REF',
  'ignore-path': 'leave it out, or name the path in .dockerignore',
  'ignore-var-run': 'leave it out: steps have a /run of their own',
  'image-name-with-digest-file': 'write "--metadata-file PATH"',
  'image-name-tag-with-digest-file': 'write "--metadata-file PATH"',
  insecure:
    'write "-o type=registry,registry.insecure=true", or "insecure" for the host in the configuration',
  'insecure-pull': 'write "insecure" for the host into "registries" of the configuration',
  'insecure-registry': 'write "insecure" for the host into "registries" of the configuration',
  'no-push': 'leave it out: without "--push" nothing is pushed',
  'no-push-cache': 'leave out "--cache-to"',
  'oci-layout-path': 'write "-o type=oci,tar=false,dest=PATH"',
  'push-retry': 'leave it out: pushes are tried again by themselves',
  'registry-certificate': 'put the certificate into /etc/docker/certs.d/HOST/ca.crt',
  'registry-mirror': 'write "mirrors" for the host into "registries" of the configuration',
  'single-snapshot': 'each instruction is a layer; to have fewer, copy from a last stage',
  'skip-tls-verify': 'write "insecure" for the host into "registries" of the configuration',
  'skip-tls-verify-pull': 'write "insecure" for the host into "registries" of the configuration',
  'skip-tls-verify-registry':
    'write "insecure" for the host into "registries" of the configuration',
  'skip-unused-stages': 'leave it out: stages that the target does not need are never built',
  'snapshot-mode': 'leave it out: changes are never looked for by scanning all files',
  snapshotMode: 'leave it out: changes are never looked for by scanning all files',
  'tar-path': 'write "-o type=docker,dest=PATH"',
  tarPath: 'write "-o type=docker,dest=PATH"',
  'use-new-run': 'leave it out',
  verbosity: 'write "--progress=plain"',
};

const BUILDAH: Readonly<Record<string, string>> = {
  authfile: 'set DOCKER_CONFIG to the directory of its config.json',
  'build-arg-file': 'name each argument with "--build-arg NAME=VALUE"',
  'cap-add': 'steps have the 14 capabilities of Docker; "RUN --security=insecure" has all',
  'cert-dir': 'put certificates into /etc/docker/certs.d/HOST',
  creds: 'log in first: stagecraft login',
  device: 'steps have no devices of the host',
  env: 'write ENV in the Dockerfile',
  format: 'write "-o type=oci,dest=PATH" or "-o type=docker,dest=PATH"',
  ignorefile: 'name it DOCKERFILE.dockerignore, beside the Dockerfile',
  layers: 'leave it out: results are always kept',
  manifest: 'leave it out: several platforms make one index, named by "--tag"',
  'pull-always': 'write "--pull"',
  'squash-all': 'each instruction is a layer; to have fewer, copy from a last stage',
  stream: 'leave it out: the context is never sent',
  timestamp: 'write "--source-date-epoch SECONDS"',
  'tls-verify': 'write "insecure" for the host into "registries" of the configuration',
  userns: 'leave it out: without root, steps run in a user namespace',
  volume:
    'write "RUN --mount=type=bind" or "RUN --mount=type=cache", with "--build-context" for another directory',
};

/** Names of all flags that are known, without their dashes. */
export const FOREIGN_FLAGS: readonly string[] = [...Object.keys(KANIKO), ...Object.keys(BUILDAH)];

/** What takes the place of a flag of Kaniko or Buildah, as a sentence; `name` is without its dashes. */
export function answerToForeignFlag(name: string): string | undefined {
  const kaniko = Object.hasOwn(KANIKO, name) ? KANIKO[name] : undefined;
  if (kaniko !== undefined) return `"--${name}" is Kaniko's; here, ${kaniko}`;
  const buildah = Object.hasOwn(BUILDAH, name) ? BUILDAH[name] : undefined;
  return buildah === undefined ? undefined : `"--${name}" is another builder's; here, ${buildah}`;
}
