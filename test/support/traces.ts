import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandOptions, CommandResult, Rig } from './cli.ts';

/** Builds of a rig that leave traces (src/replay/), and are answered from them. */
export interface Traces {
  /** The traces that there are, by path, with what tells one from its successor, which may have its inode. */
  all(): Readonly<Record<string, string>>;
  /** Builds until there is a new trace of it: files that were written a moment ago leave none. */
  record(words: readonly string[]): Promise<CommandResult>;
  /** Builds, and tells whether that was answered from a trace: else it is gone, or there is another. */
  again(
    words: readonly string[],
  ): Promise<{ readonly isReplayed: boolean; readonly result: CommandResult }>;
}

const MAX_TRIES = 20;

/** The traces of builds by whoever `run` runs the program as; the rig itself unless given. */
export function tracesOf(
  rig: Rig,
  run: (words: readonly string[], options?: CommandOptions) => Promise<CommandResult> = (words) =>
    rig.run(words),
): Traces {
  const directory = join(rig.dir, 'home/.cache/stagecraft');
  const all = (): Readonly<Record<string, string>> => {
    const names = existsSync(directory) ? readdirSync(directory) : [];
    const paths = names
      .filter((name) => name.startsWith('replay-'))
      .map((name) => join(directory, name));
    return Object.fromEntries(paths.map((path) => [path, stateOf(path)]));
  };
  return {
    all,
    async record(words) {
      const before = new Set(Object.values(all()));
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const built = await run(['build', ...words]);
        if (built.status !== 0) throw new Error(`Cannot build: ${built.stderr}`);
        if (Object.values(all()).some((state) => !before.has(state))) return built;
      }
      throw new Error('The build leaves no trace');
    },
    async again(words) {
      const before = JSON.stringify(all());
      const result = await run(['build', ...words]);
      return { isReplayed: JSON.stringify(all()) === before, result };
    },
  };
}

function stateOf(path: string): string {
  const { ino, ctimeNs } = lstatSync(path, { bigint: true });
  return `${ino} ${ctimeNs}`;
}

/** What a command did, without how long it took. */
export function untimed({ stderr, ...result }: CommandResult): CommandResult {
  return { ...result, stderr: stderr.replace(/"at":\d+|\d+\.\d+s/g, 'TIME') };
}

/** A context of which `docs` is not copied, and `package.json` is looked for. */
export function tracedContext(rig: Rig): string {
  return rig.context({
    Dockerfile: TRACED_DOCKERFILE,
    'src/a': 'first a',
    'src/sub/b': 'first b',
    'docs/readme': 'not copied',
  });
}

/** Its Dockerfile. */
export const TRACED_DOCKERFILE = `FROM busybox AS build
ARG FROM_ENV
RUN echo "$FROM_ENV" > /made
COPY src /src
COPY package.json* /
FROM busybox
COPY --from=build /src /src
COPY --from=build /made /
`;
