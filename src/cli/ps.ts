import {
  listRecords,
  observeState,
  type ContainerRecord,
  type ObservedState,
} from '../containers/container-record.ts';
import { formatPort } from '../containers/port-option.ts';
import { cutToWidth, visibleLine } from '../diagnostics/visible-text.ts';
import { defineCommand } from './command.ts';
import { switchFlag, textFlag } from './flag-table.ts';
import { formatAge, formatSpan } from './format.ts';
import { renderFormatted } from './go-template.ts';
import { commandRoot, ROOT_FLAG } from './open-command-store.ts';

const HEADINGS = {
  ID: 'CONTAINER ID',
  Image: 'IMAGE',
  Command: 'COMMAND',
  CreatedAt: 'CREATED AT',
  RunningFor: 'CREATED',
  Status: 'STATUS',
  State: 'STATE',
  Ports: 'PORTS',
  Names: 'NAMES',
} as const;
const TABLE =
  'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}';
const SHORT_ID_CHARS = 12;
const SHORT_COMMAND_CELLS = 20;

/** `stagecraft ps`, `stagecraft container ls`. */
export const ps = defineCommand({
  usage: '[OPTIONS]',
  summary: 'List containers',
  flags: {
    all: switchFlag('Show containers that do not run as well', { short: 'a' }),
    format: textFlag('FORMAT', '"table", "json" or a Go template of fields'),
    'no-trunc': switchFlag('Show whole ids and commands'),
    quiet: switchFlag('Show ids only', { short: 'q' }),
    root: ROOT_FLAG,
  },
  words: { min: 0, max: 0, expected: 'no words' },
  run({ flags }, context) {
    const root = commandRoot(flags.root, context);
    const isWhole = flags['no-trunc'] === true;
    const rows = listRecords(root)
      .map((record) => ({ record, state: observeState(record) }))
      .filter(({ state }) => flags.all === true || state.kind === 'running')
      .map(({ record, state }) => containerFields(record, state, isWhole, context.now()));
    const format = flags.quiet === true ? '{{.ID}}' : (flags.format ?? 'table');
    const text = renderFormatted(format === 'table' ? TABLE : format, rows, HEADINGS);
    context.stdout.write(text);
    return Promise.resolve(0);
  },
});

function containerFields(
  record: ContainerRecord,
  state: ObservedState,
  isWhole: boolean,
  now: number,
): Record<keyof typeof HEADINGS, string> {
  const command = visibleLine(record.command.join(' '));
  const shown = isWhole ? command : cutToWidth(command, SHORT_COMMAND_CELLS);
  return {
    ID: isWhole ? record.id : record.id.slice(0, SHORT_ID_CHARS),
    Image: visibleLine(record.image),
    Command: `"${shown}"`,
    CreatedAt: record.createdAt,
    RunningFor: formatAge(now - Date.parse(record.createdAt)),
    Status: statusText(state, now),
    State: state.kind,
    // Only the ports of a container that runs are open.
    Ports: state.kind === 'running' ? record.ports.map(formatPort).join(', ') : '',
    Names: record.name,
  };
}

function statusText(state: ObservedState, now: number): string {
  switch (state.kind) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${formatSpan(now - Date.parse(state.startedAt))}`;
    case 'exited':
      return `Exited (${String(state.status)}) ${formatAge(now - Date.parse(state.finishedAt))}`;
    case 'failed':
      return `Failed ${formatAge(now - Date.parse(state.finishedAt))}`;
    case 'dead':
      return 'Dead';
    default:
      return state satisfies never;
  }
}
