import { readLog, type LogEntry } from '../containers/container-log.ts';
import { containerDir, findRecord, observeState } from '../containers/container-record.ts';
import { defineCommand } from './command.ts';
import { badFlagValue } from './errors.ts';
import { switchFlag, textFlag } from './flag-table.ts';
import { LogLines } from './log-lines.ts';
import { commandRoot, ROOT_FLAG } from './open-command-store.ts';

/** `stagecraft logs`: what the container wrote to its standard output goes to ours, and so for errors. */
export const logs = defineCommand({
  usage: '[OPTIONS] CONTAINER',
  summary: 'Show what a container wrote',
  flags: {
    follow: switchFlag('Go on until the container ends', { short: 'f' }),
    root: ROOT_FLAG,
    tail: textFlag('N', 'The last N lines only, or "all"', { short: 'n' }),
    timestamps: switchFlag('Show when each line was written', { short: 't' }),
  },
  words: { min: 1, max: 1, expected: 'one container' },
  async run({ flags, words: [name = ''] }, context) {
    const root = commandRoot(flags.root, context);
    const tail = parseTail(flags.tail);
    const { id } = findRecord(root, name);
    const dir = containerDir(root, id);
    const { signal } = context;
    const isOver = (): boolean => observeState(findRecord(root, id)).kind !== 'running';
    const skipped =
      tail === undefined
        ? 0
        : Math.max(
            0,
            (await countLines(readLog(dir, { isFollowing: false, isOver }, signal))) - tail,
          );
    const lines = new LogLines({ skipped, hasTimes: flags.timestamps ?? false });
    const isFollowing = flags.follow ?? false;
    for await (const entry of readLog(dir, { isFollowing, isOver }, signal)) {
      const bytes = lines.push(entry);
      if (bytes.length > 0) context[entry.stream].write(bytes);
    }
    signal.throwIfAborted();
    return 0;
  },
});

function parseTail(text: string | undefined): number | undefined {
  if (text === undefined || text === 'all') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw badFlagValue('--tail', text, 'expected a number or "all"');
  return Number(text);
}

/** Lines of both streams together; one that has not ended counts. */
async function countLines(entries: AsyncIterable<LogEntry>): Promise<number> {
  const lines = new LogLines({ skipped: Infinity, hasTimes: false });
  for await (const entry of entries) lines.push(entry);
  return lines.count;
}
