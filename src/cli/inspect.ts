import { describeImage, describeIndex, readImageConfig } from '../build/describe-image.ts';
import { layerBytesIn } from '../build/layer-bytes.ts';
import type { Store } from '../build/open-store.ts';
import { findRecord, observeState, type ContainerRecord } from '../containers/container-record.ts';
import { hostPlatform, type Platform } from '../core/platform.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { imageNotFound } from '../image/errors.ts';
import { defineCommand, oneOf, type Command } from './command.ts';
import { eachWord } from './each-word.ts';
import { textFlag } from './flag-table.ts';
import { withGoZeroValues } from './go-zero-values.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';
import { parseValueTemplate } from './value-template.ts';

type Kind = 'image' | 'container';

/** `stagecraft inspect`: of a name that both have, the container, as Docker. */
export const inspect = inspectCommand(undefined);
/** `stagecraft image inspect`. */
export const inspectImage = inspectCommand('image');
/** `stagecraft container inspect`. */
export const inspectContainer = inspectCommand('container');

const INDENT = 4;
/** What `--platform` says, and what the image of this host is for. */
interface WantedPlatform {
  readonly wanted: Platform | undefined;
  readonly host: Platform;
}

/** What Docker says of a time that has not come. */
const NO_TIME = '0001-01-01T00:00:00Z';

function inspectCommand(only: Kind | undefined): Command {
  return defineCommand({
    usage: '[OPTIONS] NAME...',
    summary: 'Show all there is to know of images and containers',
    flags: {
      format: textFlag('FORMAT', '"json" or a Go template', { short: 'f' }),
      platform: textFlag('PLATFORM', 'Which one of an image with several'),
      root: ROOT_FLAG,
      type: textFlag('KIND', 'image or container'),
    },
    words: { min: 1, max: Infinity, expected: 'one name or more' },
    async run({ flags, words }, context) {
      const kind =
        flags.type === undefined
          ? only
          : oneOf('--type', flags.type, only === undefined ? ['image', 'container'] : [only]);
      const isJson = flags.format === undefined || flags.format === 'json';
      const template = isJson ? undefined : parseValueTemplate(flags.format);
      const platform = {
        wanted:
          flags.platform === undefined ? undefined : readPlatform(flags.platform, context.arch),
        host: hostPlatform(context.arch),
      };
      const root = commandRoot(flags.root, context);
      await using store = openCommandStore(flags.root, context);
      const found: unknown[] = [];
      try {
        await eachWord(words, context.signal, (word) => {
          const thing = describe(word, kind, platform, store, root);
          if (template === undefined) found.push(thing.described);
          else context.stdout.write(`${template(forTemplate(thing))}\n`);
          return Promise.resolve();
        });
      } finally {
        if (isJson) context.stdout.write(rendered(found, flags.format === 'json'));
      }
      return 0;
    },
  });
}

function rendered(found: readonly unknown[], isCompact: boolean): string {
  return `${JSON.stringify(found, undefined, isCompact ? undefined : INDENT)}\n`;
}

/** @throws BuildError IMAGE_NOT_FOUND, CONTAINER_NOT_FOUND */
function describe(
  word: string,
  kind: Kind | undefined,
  platform: WantedPlatform,
  store: Store,
  root: string,
): Described {
  if (kind === 'container') return describeContainer(findRecord(root, word));
  const container = kind === undefined ? containerOf(root, word) : undefined;
  if (container !== undefined) return describeContainer(container);
  if (kind === undefined && store.images.lookup(word) === undefined) {
    throw imageNotFound(word, 'there is no container and no image of that name');
  }
  return { kind: 'image', described: describeStored(word, platform, store) };
}

/** JSON of a thing, in Docker's form. */
interface Described {
  readonly kind: Kind;
  readonly described: Readonly<Record<string, unknown>>;
}

function forTemplate({ kind, described }: Described): Described['described'] {
  return kind === 'image' ? withGoZeroValues(described) : described;
}

/** @throws BuildError IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND when one was asked for */
function describeStored(
  word: string,
  { wanted, host }: WantedPlatform,
  store: Store,
): Described['described'] {
  const entry = store.images.findEntry(word);
  const bytesOf = layerBytesIn(store.snapshots);
  if ('image' in entry) return describeImage(entry, readImageConfig(entry, store), bytesOf);
  const isHere = store.images.lookup(word, host) !== undefined;
  const image = store.images.find(word, wanted ?? (isHere ? host : undefined));
  const described = describeImage(image, readImageConfig(image, store), bytesOf);
  return wanted === undefined ? { ...described, ...describeIndex(entry, bytesOf) } : described;
}

function containerOf(root: string, word: string): ContainerRecord | undefined {
  try {
    return findRecord(root, word);
  } catch (error) {
    if (error instanceof BuildError && error.code === 'CONTAINER_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Docker Engine API, ContainerInspect: what is kept of a container. */
function describeContainer(record: ContainerRecord): Described {
  const state = observeState(record);
  const hasEnded = state.kind === 'exited' || state.kind === 'failed';
  const described = {
    Id: record.id,
    Created: record.createdAt,
    State: {
      // Docker has no word for one that could not be started but this.
      Status: state.kind === 'failed' ? 'created' : state.kind,
      Running: state.kind === 'running',
      Dead: state.kind === 'dead',
      Pid: state.kind === 'running' ? state.pid : 0,
      ExitCode: state.kind === 'exited' ? state.status : 0,
      Error: state.kind === 'failed' ? state.message : '',
      StartedAt: state.kind === 'running' ? state.startedAt : NO_TIME,
      FinishedAt: hasEnded ? state.finishedAt : NO_TIME,
    },
    Image: record.image,
    Name: `/${record.name}`,
    Config: { Image: record.image, Cmd: record.command },
  };
  return { kind: 'container', described };
}
