import { listFlag, switchFlag, textFlag, type FlagTable, type FlagValues } from './flag-table.ts';

const ATTESTATIONS = 'images get no attestations';
const NO_RESOURCES = 'name the limit itself, as in "--memory"';

/** Flags of Docker's that ask for what we do not do, or do anyway. */
const DOCKER_FLAGS = {
  attest: listFlag('TEXT', 'Add an attestation', { status: 'unsupported', note: ATTESTATIONS }),
  builder: textFlag('NAME', 'Choose a builder', {
    status: 'warned',
    note: 'there are no builders',
  }),
  compress: switchFlag('Compress the context', { status: 'ignored' }),
  debug: switchFlag('Debug', { short: 'D', status: 'ignored' }),
  'disable-content-trust': switchFlag('Skip signatures', { status: 'ignored' }),
  'force-rm': switchFlag('Remove intermediate containers', { status: 'ignored' }),
  load: switchFlag('Load into the local store', { status: 'ignored' }),
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
  resource: listFlag('TEXT', 'Limit resources', { status: 'unsupported', note: NO_RESOURCES }),
  rm: switchFlag('Remove intermediate containers', { status: 'ignored' }),
  sbom: textFlag('TEXT', 'Bill of materials', { status: 'unsupported', note: ATTESTATIONS }),
  'security-opt': listFlag('TEXT', 'Security options', {
    status: 'warned',
    note: 'steps always run with the default profile',
  }),
  squash: switchFlag('Squash layers', { status: 'warned', note: 'layers stay as they are' }),
} as const satisfies FlagTable;

/** The flags of `stagecraft build`. */
export const BUILD_FLAGS = {
  ...DOCKER_FLAGS,
  annotation: listFlag(
    '[TYPE:]KEY=VALUE',
    'Add an annotation to the manifest, or to what TYPE says',
  ),
  'add-host': listFlag('NAME:ADDRESS', 'Add a line to /etc/hosts of the steps'),
  allow: listFlag('NAME', 'Let steps ask for more: network.host, security.insecure, device[=NAME]'),
  'build-arg': listFlag('NAME[=VALUE]', 'Set an ARG; without a value, from the environment'),
  'build-context': listFlag('NAME=VALUE', 'Add a named context'),
  'ca-cert': listFlag(
    'FILE',
    'Trust these authorities in steps, too; "host": those of this machine',
  ),
  'cache-from': listFlag('CACHE', 'Take results from: REFERENCE, type=registry|local,…'),
  'cache-to': listFlag('CACHE', 'Keep results in: type=registry|local|inline,…,mode=min|max'),
  call: textFlag('METHOD', 'build, check, outline or targets; ",format=json" for JSON'),
  check: switchFlag('Look for mistakes and build nothing; as --call=check'),
  'cgroup-parent': textFlag('PATH', 'The cgroup below which those of steps are made'),
  'cpu-period': textFlag('US', 'Period of --cpu-quota, in microseconds'),
  'cpu-quota': textFlag('US', 'Processor time of a step in each period, in microseconds'),
  'cpu-shares': textFlag('N', 'Weight of a step beside others, 1024 by default', { short: 'c' }),
  cpus: textFlag('N', 'Processors that a step may use at a time, as in 1.5'),
  'cpuset-cpus': textFlag('LIST', 'Processors that a step may use, as in 0-2,4'),
  'cpuset-mems': textFlag('LIST', 'Memory nodes that a step may use'),
  'export-on-error': listFlag('SPEC', 'Save files of a failed step: dest=DIR[,path=PATH]'),
  file: textFlag('PATH', 'The Dockerfile; "-" is standard input', { short: 'f' }),
  hardened: switchFlag('Fail where steps cannot have a network of their own'),
  iidfile: textFlag('PATH', 'Write the image id to a file'),
  isolation: textFlag('KIND', 'How steps are isolated: auto, oci, crun, runc, namespaces'),
  jobs: textFlag('N', 'Steps at the same time'),
  snapshotter: textFlag('KIND', 'How files are shown to steps: auto, overlay, copy'),
  label: listFlag('NAME=VALUE', 'Add a label to the image'),
  memory: textFlag('BYTES', 'Memory that a step may use, as in 512m', { short: 'm' }),
  'memory-swap': textFlag('BYTES', 'Memory and swap of a step together; -1 is all the swap'),
  'metadata-file': textFlag('PATH', 'Write facts about the image to a JSON file'),
  network: textFlag('MODE', 'Network of the steps: default, none, host'),
  'no-cache': switchFlag('Run every step again'),
  'no-cache-filter': listFlag('STAGES', 'Run the steps of these stages again'),
  'on-error': textFlag('WHAT', 'When a step fails: fail, or shell for a shell in its place'),
  output: listFlag('OUTPUT', 'Write the result: PATH, "-", type=TYPE,dest=PATH', { short: 'o' }),
  pids: textFlag('N', 'Processes that a step may have, 4096 by default; -1 is no limit'),
  platform: listFlag('PLATFORM', 'Build for these platforms'),
  progress: textFlag('KIND', 'auto, plain, tty, json, quiet, none'),
  reproducible: switchFlag(
    'Give the same image wherever it is built: no time later than a fixed one',
  ),
  pull: switchFlag('Ask registries even for images that are here'),
  quiet: switchFlag('Print nothing but the image id', { short: 'q' }),
  root: textFlag('PATH', 'Directory of the store'),
  secret: listFlag('SECRET', 'Give steps a secret: id=NAME[,src=PATH|,env=VARIABLE]'),
  'shm-size': textFlag('BYTES', 'Size of /dev/shm of the steps, 64m by default'),
  'source-date-epoch': textFlag(
    'SECONDS',
    'Latest time in the image: seconds since 1970, or context',
  ),
  ssh: listFlag('SSH', 'Give steps and git an SSH agent: default or id[=SOCKET|KEY[,KEY]]'),
  'step-timeout': textFlag('TIME', 'How long a step may take, as in 10m'),
  tag: listFlag('NAME', 'Name of the image', { short: 't' }),
  target: textFlag('STAGE', 'The stage to build'),
  ulimit: listFlag('NAME=SOFT[:HARD]', 'Limit a resource of each process, as in nofile=1024'),
  verify: switchFlag('Build twice without cache, and fail where that does not give the same'),
} as const satisfies FlagTable;

/** The flags of one `stagecraft build`, read. */
export type BuildFlagValues = FlagValues<typeof BUILD_FLAGS>;
