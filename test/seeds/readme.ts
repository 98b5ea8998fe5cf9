/** A command of a page and what the page says that it prints. */
export interface ReadmeCommand {
  readonly run: string;
  readonly shows: readonly string[];
}

const BLOCK = /^```console\n([\s\S]*?)^```$/gm;
const PROMPT = '$ ';
/** In a line, any text; alone in a line, any lines. */
const ANYTHING = '…';
/** Base images change, and with them sizes; those that pages promise are measured elsewhere. */
const SIZE = /\b\d+(?:\.\d+)?(?:[kMGT]?B)\b/g;

/** The commands in the `console` blocks of a page, in order. */
export function readmeCommands(markdown: string): readonly ReadmeCommand[] {
  return [...markdown.matchAll(BLOCK)].flatMap(([, text = '']) => commandsIn(text.split('\n')));
}

function commandsIn(lines: readonly string[]): readonly ReadmeCommand[] {
  const commands: { run: string; shows: string[] }[] = [];
  for (const line of lines.slice(0, -1)) {
    const current = commands.at(-1);
    if (line.startsWith(PROMPT)) commands.push({ run: line.slice(PROMPT.length), shows: [] });
    else if (current === undefined) throw new Error(`No command before "${line}"`);
    else current.shows.push(line);
  }
  return commands;
}

/** Whether a command printed what the page says: all of it, in order, and nothing else. */
export function isAsShown(shows: readonly string[], printed: string): boolean {
  const pattern = shows.map((line) =>
    line === ANYTHING
      ? '(?:.*\n)*'
      : `${normalized(line).split(ANYTHING).map(escape).join('.*')}\n`,
  );
  const lines = printed.split('\n').map(normalized);
  while (lines.at(-1) === '') lines.pop();
  return new RegExp(`^${pattern.join('')}$`).test(lines.map((line) => `${line}\n`).join(''));
}

function normalized(line: string): string {
  return line.replaceAll(SIZE, 'SIZE').replaceAll(/\s+/g, ' ').trim();
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
