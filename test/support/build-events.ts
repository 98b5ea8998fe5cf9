import type { CommandOptions, Rig } from './cli.ts';

/** What a build did, as `--progress=json` tells it. */
export interface BuildLog {
  readonly status: number | undefined;
  readonly stderr: string;
  /** Names of all steps of the graph. */
  readonly planned: readonly string[];
  /** Names of the steps that were done, in the order they began. */
  readonly started: readonly string[];
  /** Names of the steps whose results were there. */
  readonly cached: readonly string[];
  /** Digests of the images that were written. */
  readonly images: readonly string[];
}

interface PrintedEvent {
  readonly type: string;
  readonly op?: number;
  readonly ops?: readonly { readonly op: number; readonly name: string }[];
  readonly image?: { readonly digest: string };
}

/** Runs `stagecraft build --progress=json` with more words. */
export async function buildWithEvents(
  rig: Rig,
  words: readonly string[],
  options?: CommandOptions,
): Promise<BuildLog> {
  const { status, stderr } = await rig.run(['build', '--progress=json', ...words], options);
  const events = stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as PrintedEvent);
  const ops = events.flatMap((event) => event.ops ?? []);
  const names = new Map(ops.map(({ op, name }) => [op, name]));
  const namesIn = (type: string): string[] =>
    events
      .filter((event) => event.type === type)
      .map(({ op = -1 }) => names.get(op) ?? `unknown step ${String(op)}`);
  return {
    status,
    stderr,
    planned: ops.map(({ name }) => name),
    started: namesIn('op-started'),
    cached: namesIn('op-cached'),
    images: events.flatMap(({ image }) => (image === undefined ? [] : [image.digest])),
  };
}
