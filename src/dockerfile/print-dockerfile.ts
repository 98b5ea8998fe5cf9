import type {
  CommandForm,
  Comment,
  CopyInstruction,
  AddInstruction,
  DockerfileAst,
  HealthcheckInstruction,
  Heredoc,
  Instruction,
  KeyValue,
  RunInstruction,
  Word,
} from './ast.ts';
import { parseHeredocWord } from './heredoc.ts';

/** UTF-16 units: under 65,535 bytes whatever the characters are. */
const MAX_PRINTED_LINE = 20_000;

/**
 * Writes a tree as a Dockerfile. Parsing the result gives the same tree, apart from positions, from
 * `original` and from comments that stand inside or below instructions, which are left out.
 */
export function printDockerfile(ast: DockerfileAst): string {
  const parts = ast.directives.map(({ name, value }) => `# ${name}=${value}\n`);
  // A blank line ends the directives, so that no comment is taken for one.
  parts.push('\n');
  for (const instruction of instructionsOf(ast)) {
    parts.push(
      ...instruction.comments.map(printComment),
      printInstruction(instruction, ast.escape),
    );
  }
  return parts.join('');
}

function* instructionsOf(ast: DockerfileAst): Iterable<Instruction> {
  yield* ast.globalArgs;
  for (const stage of ast.stages) {
    yield stage.from;
    yield* stage.instructions;
  }
}

function printComment({ text }: Comment): string {
  return `# ${text}\n`;
}

/** Pieces of an instruction: the line after the flags, and what stands below it. */
interface Printed {
  readonly rest: string;
  readonly below?: string;
}

function printInstruction(instruction: Instruction, escape: string): string {
  const { rest, below = '' } = printArguments(instruction, escape);
  const flags = instruction.flags.map((flag) =>
    flag.value === undefined ? `--${flag.name}` : `--${flag.name}=${flag.value.raw}`,
  );
  // Arguments that look like flags come behind a bare `--`.
  const guard = rest.startsWith('--') ? ['--'] : [];
  const line = [instruction.keyword.raw, ...flags, ...guard, rest].filter((part) => part !== '');
  return `${foldLine(line.join(' '), escape)}\n${below}`;
}

function printArguments(instruction: Instruction, escape: string): Printed {
  switch (instruction.kind) {
    case 'from': {
      const { image, name } = instruction;
      return { rest: name === undefined ? image.raw : `${image.raw} AS ${name.word.raw}` };
    }
    case 'arg':
      return { rest: printPairs(instruction.args, escape) };
    case 'env':
      return { rest: printPairs(instruction.variables, escape) };
    case 'label':
      return { rest: printPairs(instruction.labels, escape) };
    case 'run':
      return printRun(instruction);
    case 'cmd':
    case 'entrypoint':
      return { rest: printForm(instruction.command) };
    case 'shell':
      return { rest: JSON.stringify(instruction.argv) };
    case 'copy':
    case 'add':
      return printTransfer(instruction);
    case 'expose':
      return { rest: instruction.ports.map((port) => port.raw).join(' ') };
    case 'volume':
      return { rest: JSON.stringify(instruction.paths.map((path) => path.raw)) };
    case 'user':
      return { rest: instruction.user.raw };
    case 'workdir':
      return { rest: instruction.path.raw };
    case 'stopsignal':
      return { rest: instruction.signal.raw };
    case 'maintainer':
      return { rest: instruction.name.raw };
    case 'onbuild':
      return splitBelow(instruction.trigger.raw);
    case 'healthcheck':
      return { rest: printHealthcheck(instruction) };
    default:
      return instruction satisfies never;
  }
}

function printPairs(pairs: readonly KeyValue[], escape: string): string {
  return pairs
    .map(({ key, value, isLegacy }) => {
      if (value === undefined) return key.raw;
      if (!isLegacy) return `${key.raw}=${value.raw}`;
      // A single space could be escaped by the end of the key.
      return `${key.raw}${key.raw.endsWith(escape) ? '  ' : ' '}${value.raw}`;
    })
    .join(' ');
}

function printForm(command: CommandForm): string {
  return command.form === 'exec' ? JSON.stringify(command.argv) : command.command;
}

function printRun({ command, heredocs }: RunInstruction): Printed {
  const [first] = heredocs;
  if (first === undefined || command.form === 'exec') return { rest: printForm(command) };
  // Among other words the heredocs are in the command already, bodies included.
  const isOnlyWord = command.command === first.content;
  if (!isOnlyWord) return splitBelow(command.command);
  return { rest: printHeredocWord(first), below: `${first.content}${first.name}\n` };
}

/** Text whose first line is the instruction and whose other lines are bodies of heredocs. */
function splitBelow(text: string): Printed {
  const newline = text.indexOf('\n');
  if (newline < 0) return { rest: text };
  return { rest: text.slice(0, newline), below: `${text.slice(newline + 1)}\n` };
}

function printTransfer(instruction: CopyInstruction | AddInstruction): Printed {
  const { sources, destination, heredocs } = instruction;
  const words = [...sources, destination];
  if (heredocs.length === 0 && words.some(needsJson)) {
    return { rest: JSON.stringify(words.map((word) => word.raw)) };
  }
  // A `<<` of its own would take the word behind a blank as its name, but not behind this separator.
  const separator = words.some((word) => word.raw.endsWith('<<')) ? '\v' : ' ';
  return {
    rest: [...heredocs.map(printHeredocWord), ...words.map((word) => word.raw)].join(separator),
    below: heredocs.map(({ content, name }) => `${content}${name}\n`).join(''),
  };
}

/** Words that would fall apart, vanish or mean something else outside of a JSON array. */
function needsJson({ raw }: Word): boolean {
  return raw === '' || /[\s\u0085"\\`[]|^--|<</.test(raw);
}

/** Quotes in a form that both the line and the word are read with: backslash escapes. */
function printHeredocWord(heredoc: Heredoc): string {
  const { name, fileDescriptor, isExpanded, isChomped } = heredoc;
  const operator = `${fileDescriptor === 0 ? '' : fileDescriptor}<<${isChomped ? '-' : ''}`;
  const plain = parseHeredocWord(operator + name);
  const isReadable = plain !== undefined && 'name' in plain && plain.name === name;
  if (isExpanded && isReadable) return operator + name;
  if (isExpanded) return operator + name.replace(/[\s'"\\$]/g, '\\$&');
  return `${operator}"${name.replace(/["\\$]/g, '\\$&')}"`;
}

function printHealthcheck({ check }: HealthcheckInstruction): string {
  return check.type === 'none' ? 'NONE' : `CMD ${printForm(check.command)}`;
}

/**
 * Breaks a line that is too long to be read again, at places where a continuation changes nothing:
 * not behind an escape character, and not before what would be taken for a comment or a blank line.
 */
function foldLine(line: string, escape: string): string {
  const guarded = guardEnd(line, escape);
  if (guarded.length <= MAX_PRINTED_LINE) return guarded;
  const pieces: string[] = [];
  let start = 0;
  while (guarded.length - start > MAX_PRINTED_LINE) {
    let end = start + MAX_PRINTED_LINE;
    while (end > start + 1 && !canBreak(guarded, end, escape)) end--;
    if (end === start + 1) break;
    pieces.push(`${guarded.slice(start, end)}${escape}\n`);
    start = end;
  }
  pieces.push(guarded.slice(start));
  return pieces.join('');
}

function canBreak(line: string, at: number, escape: string): boolean {
  return line.charAt(at - 1) !== escape && /^[^\s#\udc00-\udfff]$/.test(line.charAt(at));
}

/** An escape character at the end would continue the line; a vertical tab behind it is trimmed away. */
function guardEnd(line: string, escape: string): string {
  return line.endsWith(escape) && line.at(-2) !== escape ? `${line}\v` : line;
}
