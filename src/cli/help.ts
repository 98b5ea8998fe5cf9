import type { Flag, FlagTable } from './flag-table.ts';

/** What help needs to know of a command. */
export interface HelpSource {
  readonly usage: string;
  readonly summary: string;
  readonly flags: FlagTable;
}

/** The text of `--help`: usage, what the command does, its flags in alphabetical order. */
export function renderHelp(command: string, source: HelpSource): string {
  const rows = Object.entries(source.flags)
    .filter(([, flag]) => flag.isHidden !== true && flag.status === undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => [flagColumn(name, flag), flag.help] as const);
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + 3;
  const lines = rows.map(([left, help]) => `  ${left.padEnd(width)}${help}`);
  return [
    `Usage: ${command} ${source.usage}`,
    '',
    source.summary,
    ...(lines.length === 0 ? [] : ['', 'Options:', ...lines]),
    '',
  ].join('\n');
}

function flagColumn(name: string, flag: Flag): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  return `${short}--${name}${flag.value === undefined ? '' : ` ${flag.value}`}`;
}
