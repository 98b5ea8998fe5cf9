import { listFlag, switchFlag, textFlag, type FlagTable, type FlagValues } from './flag-table.ts';

const ATTESTATIONS = 'images get no attestations';
const NO_LIMITS = 'build steps have no resource limits of their own';

/** Flags of Docker's that ask for what we do not do, or do anyway. */
const DOCKER_FLAGS = {
  annotation: listFlag('TEXT', 'Add an annotation', {
    status: 'unsupported',
    note: 'images get no annotations',
  }),
  attest: listFlag('TEXT', 'Add an attestation', { status: 'unsupported', note: ATTESTATIONS }),
  builder: textFlag('NAME', 'Choose a builder', {
    status: 'warned',
    note: 'there are no builders',
  }),
  'cache-from': listFlag('TEXT', 'Import a cache', {
    status: 'warned',
    note: 'only the local cache is used',
  }),
  'cache-to': listFlag('TEXT', 'Export the cache', {
    status: 'unsupported',
    note: 'the cache cannot be exported',
  }),
  'cgroup-parent': textFlag('PATH', 'Choose the parent cgroup', {
    status: 'unsupported',
    note: NO_LIMITS,
  }),
  compress: switchFlag('Compress the context', { status: 'ignored' }),
  'cpu-period': textFlag('N', 'Limit CPU', { status: 'unsupported', note: NO_LIMITS }),
  'cpu-quota': textFlag('N', 'Limit CPU', { status: 'unsupported', note: NO_LIMITS }),
  'cpu-shares': textFlag('N', 'Limit CPU', { short: 'c', status: 'unsupported', note: NO_LIMITS }),
  'cpuset-cpus': textFlag('LIST', 'Limit CPU', { status: 'unsupported', note: NO_LIMITS }),
  'cpuset-mems': textFlag('LIST', 'Limit memory', { status: 'unsupported', note: NO_LIMITS }),
  debug: switchFlag('Debug', { short: 'D', status: 'ignored' }),
  'disable-content-trust': switchFlag('Skip signatures', { status: 'ignored' }),
  'force-rm': switchFlag('Remove intermediate containers', { status: 'ignored' }),
  load: switchFlag('Load into the local store', { status: 'ignored' }),
  memory: textFlag('BYTES', 'Limit memory', { short: 'm', status: 'unsupported', note: NO_LIMITS }),
  'memory-swap': textFlag('BYTES', 'Limit memory', { status: 'unsupported', note: NO_LIMITS }),
  policy: listFlag('TEXT', 'Choose a policy', {
    status: 'unsupported',
    note: 'there are no policies',
  }),
  print: textFlag('NAME', 'Print', {
    status: 'unsupported',
    note: '"--call" has taken its place',
  }),
  provenance: textFlag('TEXT', 'Provenance', { status: 'unsupported', note: ATTESTATIONS }),
  push: switchFlag('Push the image under its tags, as -o type=registry does'),
  resource: listFlag('TEXT', 'Limit resources', { status: 'unsupported', note: NO_LIMITS }),
  rm: switchFlag('Remove intermediate containers', { status: 'ignored' }),
  sbom: textFlag('TEXT', 'Bill of materials', { status: 'unsupported', note: ATTESTATIONS }),
  'security-opt': listFlag('TEXT', 'Security options', {
    status: 'warned',
    note: 'steps always run with the default profile',
  }),
  squash: switchFlag('Squash layers', { status: 'warned', note: 'layers stay as they are' }),
  ulimit: listFlag('TEXT', 'Limits', { status: 'unsupported', note: NO_LIMITS }),
} as const satisfies FlagTable;

/** The flags of `stagecraft build`. */
export const BUILD_FLAGS = {
  ...DOCKER_FLAGS,
  'add-host': listFlag('NAME:ADDRESS', 'Add a line to /etc/hosts of the steps'),
  allow: listFlag('NAME', 'Let steps ask for more: network.host, security.insecure'),
  'build-arg': listFlag('NAME[=VALUE]', 'Set an ARG; without a value, from the environment'),
  'build-context': listFlag('NAME=VALUE', 'Add a named context'),
  'ca-cert': listFlag(
    'FILE',
    'Trust these authorities in steps, too; "host": those of this machine',
  ),
  call: textFlag('METHOD', 'build, check, outline or targets; ",format=json" for JSON'),
  check: switchFlag('Look for mistakes and build nothing; as --call=check'),
  file: textFlag('PATH', 'The Dockerfile; "-" is standard input', { short: 'f' }),
  iidfile: textFlag('PATH', 'Write the image id to a file'),
  isolation: textFlag('KIND', 'How steps are isolated: auto, oci, crun, runc, namespaces'),
  jobs: textFlag('N', 'Steps at the same time'),
  label: listFlag('NAME=VALUE', 'Add a label to the image'),
  'metadata-file': textFlag('PATH', 'Write facts about the image to a JSON file'),
  network: textFlag('MODE', 'Network of the steps: default, none, host'),
  'no-cache': switchFlag('Run every step again'),
  'no-cache-filter': listFlag('STAGES', 'Run the steps of these stages again'),
  output: listFlag('OUTPUT', 'Write the result: PATH, "-", type=TYPE,dest=PATH', { short: 'o' }),
  platform: listFlag('PLATFORM', 'Build for these platforms'),
  progress: textFlag('KIND', 'auto, plain, tty, json, quiet, none'),
  pull: switchFlag('Ask registries even for images that are here'),
  quiet: switchFlag('Print nothing but the image id', { short: 'q' }),
  root: textFlag('PATH', 'Directory of the store'),
  secret: listFlag('SECRET', 'Give steps a secret: id=NAME[,src=PATH|,env=VARIABLE]'),
  'shm-size': textFlag('BYTES', 'Size of /dev/shm of the steps, 64m by default'),
  ssh: listFlag('SSH', 'Give steps an SSH agent: default or id[=SOCKET|KEY[,KEY]]'),
  tag: listFlag('NAME', 'Name of the image', { short: 't' }),
  target: textFlag('STAGE', 'The stage to build'),
} as const satisfies FlagTable;

/** The flags of one `stagecraft build`, read. */
export type BuildFlagValues = FlagValues<typeof BUILD_FLAGS>;
