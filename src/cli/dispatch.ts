import type { Command, CommandContext } from './command.ts';
import { unavailableCommand, unknownCommand } from './errors.ts';
import { readGlobalFlags } from './global-flags.ts';
import { renderOverview } from './overview.ts';
import { VERSION } from './version.ts';

/** A command's file is loaded when the command is run, and no other. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  build: async () => (await import('./build.ts')).build,
  // Buildah's word for it.
  bud: async () => (await import('./build.ts')).build,
  plan: async () => (await import('./plan.ts')).plan,
  explain: async () => (await import('./explain.ts')).explain,
  builds: async () => (await import('./builds.ts')).builds,
  run: async () => (await import('./run.ts')).run,
  create: async () => (await import('./create.ts')).create,
  start: async () => (await import('./start.ts')).start,
  cp: async () => (await import('./cp.ts')).cp,
  ps: async () => (await import('./ps.ts')).ps,
  logs: async () => (await import('./logs.ts')).logs,
  stop: async () => (await import('./stop.ts')).stop,
  rm: async () => (await import('./rm.ts')).rm,
  images: async () => (await import('./images.ts')).images,
  rmi: async () => (await import('./rmi.ts')).rmi,
  push: async () => (await import('./push.ts')).push,
  pull: async () => (await import('./pull.ts')).pull,
  tag: async () => (await import('./tag.ts')).tag,
  save: async () => (await import('./save.ts')).save,
  load: async () => (await import('./load.ts')).load,
  import: async () => (await import('./import.ts')).importArchive,
  export: async () => (await import('./export.ts')).exportRoot,
  login: async () => (await import('./login.ts')).login,
  'list-tags': async () => (await import('./registry-tags.ts')).listTagsCommand,
  logout: async () => (await import('./logout.ts')).logout,
  history: async () => (await import('./history.ts')).history,
  inspect: async () => (await import('./inspect.ts')).inspect,
  du: async () => (await import('./du.ts')).du,
  prune: async () => (await import('./prune.ts')).prune,
  info: async () => (await import('./info.ts')).info,
  // What the groups `image` and `container` mean by it.
  'internal-inspect-image': async () => (await import('./inspect.ts')).inspectImage,
  'internal-inspect-container': async () => (await import('./inspect.ts')).inspectContainer,
  'internal-prune-images': async () => (await import('./image-prune.ts')).imagePrune,
  // What the group `registry` has besides.
  'internal-registry-delete': async () => (await import('./registry-delete.ts')).registryDelete,
  'internal-registry-referrers': async () =>
    (await import('./registry-referrers.ts')).registryReferrers,
  // What the groups `manifest` and `buildx imagetools` have.
  'internal-manifest-create': async () => (await import('./manifest.ts')).createManifest,
  'internal-manifest-annotate': async () => (await import('./manifest.ts')).annotateManifest,
  'internal-manifest-inspect': async () => (await import('./manifest.ts')).inspectManifest,
  'internal-manifest-push': async () => (await import('./manifest.ts')).pushManifest,
  'internal-manifest-rm': async () => (await import('./manifest.ts')).removeManifest,
  'internal-imagetools-create': async () => (await import('./imagetools.ts')).createImage,
  'internal-imagetools-inspect': async () => (await import('./imagetools.ts')).inspectImage,
  // Started by `build`, not by people.
  'internal-tidy': async () => (await import('./tidy.ts')).tidy,
  // Started by `run --detach`, not by people.
  'internal-supervise': async () => (await import('./supervise.ts')).supervise,
};

/** What to do where Docker has a command and this has none. */
const INSTEAD: Readonly<Record<string, string>> = {
  'buildx bake': 'Build each target by itself: stagecraft build --target NAME',
  'buildx history': 'Former builds are listed by: stagecraft builds',
  compose: 'Build the images of its services with: stagecraft build',
  'system df': 'What takes room is shown by: stagecraft du',
  'system prune': 'What no image needs goes with: stagecraft prune',
  'container prune': 'Containers go with: stagecraft rm NAME',
  ...Object.fromEntries(
    ['create', 'inspect', 'ls', 'rm', 'stop', 'use'].map((word) => [
      `buildx ${word}`,
      'There are no builders to make or choose: leave this line out',
    ]),
  ),
};

/** Docker's longer forms. A group's word alone is no command. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  buildx: { build: 'build', b: 'build', du: 'du', prune: 'prune', version: 'version' },
  builder: { build: 'build', prune: 'prune' },
  image: {
    build: 'build',
    ls: 'images',
    list: 'images',
    rm: 'rmi',
    remove: 'rmi',
    tag: 'tag',
    history: 'history',
    save: 'save',
    load: 'load',
    import: 'import',
    prune: 'internal-prune-images',
    inspect: 'internal-inspect-image',
    push: 'push',
    pull: 'pull',
  },
  container: {
    run: 'run',
    create: 'create',
    start: 'start',
    cp: 'cp',
    ls: 'ps',
    list: 'ps',
    ps: 'ps',
    stop: 'stop',
    rm: 'rm',
    remove: 'rm',
    logs: 'logs',
    export: 'export',
    inspect: 'internal-inspect-container',
  },
  system: { info: 'info' },
  manifest: {
    create: 'internal-manifest-create',
    annotate: 'internal-manifest-annotate',
    inspect: 'internal-manifest-inspect',
    push: 'internal-manifest-push',
    rm: 'internal-manifest-rm',
  },
  'buildx imagetools': {
    create: 'internal-imagetools-create',
    inspect: 'internal-imagetools-inspect',
  },
  registry: {
    tags: 'list-tags',
    ls: 'list-tags',
    'list-tags': 'list-tags',
    delete: 'internal-registry-delete',
    rm: 'internal-registry-delete',
    referrers: 'internal-registry-referrers',
    login: 'login',
    logout: 'logout',
  },
};

/** Commands of Docker's that people will try and that are not here. */
const UNAVAILABLE: ReadonlySet<string> = new Set(
  (
    'attach commit diff events exec kill ' +
    'network pause port prune rename restart search stats top ' +
    'unpause update volume wait'
  ).split(' '),
);

/**
 * Finds the command that the words name and runs it. Resolves to the exit status.
 * @throws BuildError of the command; UNKNOWN_COMMAND, COMMAND_UNAVAILABLE; of a flag before the command
 */
export async function dispatch(argv: readonly string[], context: CommandContext): Promise<number> {
  if (argv[0]?.startsWith('-') !== true) return dispatchCommand(argv, [], context);
  const { words, commandFlags, env } = readGlobalFlags(argv);
  return dispatchCommand(words, commandFlags, { ...context, env: { ...context.env, ...env } });
}

async function dispatchCommand(
  argv: readonly string[],
  flags: readonly string[],
  context: CommandContext,
): Promise<number> {
  const { name, written, rest } = resolveName(argv);
  if (name === 'help' || name === '') {
    const [about] = rest;
    // `help build` is `build --help`.
    if (name === 'help' && about !== undefined) {
      return dispatchCommand([...rest, '--help'], flags, context);
    }
    context.stdout.write(renderOverview());
    return 0;
  }
  if (name === 'version') {
    context.stdout.write(`stagecraft ${VERSION}\n`);
    return 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) throw noSuchCommand(name, written);
  const command = await load();
  return command.execute(written, [...flags, ...rest], context);
}

interface ResolvedName {
  /** Key of `COMMANDS`. */
  readonly name: string;
  /** As the user wrote it, `image ls`. */
  readonly written: string;
  readonly rest: readonly string[];
}

function resolveName(argv: readonly string[]): ResolvedName {
  const [first = '', second] = argv;
  const pair = `${first} ${second ?? ''}`;
  if (Object.hasOwn(GROUPS, pair)) return resolveName([pair, ...argv.slice(2)]);
  const group = Object.hasOwn(GROUPS, first) ? GROUPS[first] : undefined;
  if (group === undefined) return { name: first, written: first, rest: argv.slice(1) };
  const written = second === undefined ? first : `${first} ${second}`;
  const name = second !== undefined && Object.hasOwn(group, second) ? group[second] : undefined;
  if (name !== undefined) return { name, written, rest: argv.slice(2) };
  if (second === '--help' || second === '-h') return { name: 'help', written, rest: [] };
  if (second !== undefined && (UNAVAILABLE.has(second) || Object.hasOwn(INSTEAD, written))) {
    throw unavailableCommand(written, INSTEAD[written]);
  }
  const known = Object.keys(group).map((word) => `${first} ${word}`);
  throw unknownCommand(written, known);
}

function noSuchCommand(name: string, written: string): Error {
  if (UNAVAILABLE.has(name) || Object.hasOwn(INSTEAD, name)) {
    return unavailableCommand(written, INSTEAD[name]);
  }
  const names = Object.keys(COMMANDS).filter(
    (each) => !each.startsWith('internal-') && each !== 'bud',
  );
  return unknownCommand(written, [...names, 'version', 'help']);
}
