import type { Store } from '../build/open-store.ts';
import type { CreatedContainer } from '../containers/create-container.ts';
import { startDetached } from '../containers/detached.ts';
import { runForeground } from '../containers/run-foreground.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { openSandbox } from '../sandbox/choose-sandbox.ts';
import { readIsolation } from './build-request.ts';
import type { CommandContext } from './command.ts';
import { readPlatform } from './platform-flag.ts';

/** Lets a process of its own look after the container. Resolves when the container runs. */
export async function startInBackground(
  container: CreatedContainer,
  isolationFlag: string | undefined,
  root: string,
  context: CommandContext,
): Promise<void> {
  const isolation = isolationFlag === undefined ? [] : ['--isolation', isolationFlag];
  const platform = ['--platform', container.plan.platform];
  const [program, ...words] = context.program;
  const env = Object.entries(context.env).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const { notes } = await startDetached(
    container,
    {
      supervisorArgv: [
        program,
        ...words,
        'internal-supervise',
        '--root',
        root,
        ...platform,
        ...isolation,
      ],
      env: Object.fromEntries(env),
    },
    context.signal,
  );
  for (const note of notes) context.stderr.write(`${visibleLine(note)}\n`);
}

/** Flags that say how a container is joined to this process. */
export interface RunHereFlags {
  readonly isolation?: string | undefined;
  readonly interactive?: boolean | undefined;
  readonly tty?: boolean | undefined;
}

/** Runs the container to its end in this process, and gives its exit status. */
export async function runHere(
  container: CreatedContainer,
  flags: RunHereFlags,
  store: Store,
  context: CommandContext,
): Promise<number> {
  const { env, signal } = context;
  const isolation = readIsolation(flags.isolation);
  const cacheDir = `${store.root}/cache`;
  const platform = readPlatform(container.plan.platform, context.arch);
  const sandbox = await openSandbox({ isolation, platform, env, cacheDir, signal });
  return await runForeground(
    container,
    {
      isStdinOpen: flags.interactive ?? false,
      isTerminal: flags.tty ?? false,
      hasTerminal: context.isStdinTerminal,
      onOutput: (stream, bytes) => {
        context[stream].write(bytes);
      },
    },
    {
      root: store.root,
      snapshotter: store.snapshots,
      sandbox,
      searchPath: env['PATH'] ?? '',
      now: () => new Date(context.now()),
      note: (text) => {
        context.stderr.write(`${visibleLine(text)}\n`);
      },
    },
    signal,
  );
}
